"""What is wrong with the options is said in one line, with exit code 2."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pipeline.cli import main


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-rejected", "x"], "option --max-rejected: a number of rows or a share"),
        (["--input-format", "xls"], "`format` must be one of"),
        (["--columns", "id,id"], "must not repeat a name"),
        (["--text-column", "txt"], "no column `txt`"),
        (["--model", "nowhere"], "there is no saved_model.pb"),
        (["--model-sha256", "nowhere"], "nowhere cannot be read"),
        (["stray.csv"], "unexpected argument. Received: 'stray.csv'"),
    ],
)
def test_misuse_is_told(options, words, toy_model, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,text\n1,good\n")
    given = ["--input", path, "--output", tmp_path / "out", "--model", toy_model]
    result = CliRunner().invoke(main, ["predict", *map(str, given), *options])
    assert result.exit_code == 2, result.output
    [line] = [x for x in result.output.splitlines() if x.startswith("error:")]
    assert words in line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.csv"]
