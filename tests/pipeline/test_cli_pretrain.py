from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from tests.keras_elmo.pretraining.texts import write_text
from tests.keras_elmo.tiny import TINY

QUICK = [*("--steps", "2", "--batch", "2", "--unroll", "2", "--negatives", "4")]
SMALL = [*("--min-count", "1", "--held-out-every", "10")]


def call(*arguments):
    """Runs `elmo-tfx pretrain`; gives its exit code and all it wrote."""
    result = CliRunner().invoke(main, ["pretrain", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def options_file(tmp_path):
    from keras_elmo import BiLMOptions

    path = tmp_path / "options.json"
    path.write_text(json.dumps(BiLMOptions(**TINY).to_dict()))
    return path


def test_one_command_trains_on_text_files(tmp_path, options_file):
    write_text(tmp_path / "a.txt", lines=60)
    code, output = call(
        *("--corpus", tmp_path / "*.txt", "--output", tmp_path / "out"),
        *("--options", options_file, "--float16", *QUICK, *SMALL),
    )
    assert code == 0, output
    assert "Held-out perplexity" in output
    found = {path.name for path in (tmp_path / "out").iterdir()}
    expected = {"options.json", "weights.hdf5", "vocabulary.txt", "README.md"}
    assert found == expected | {"training"}


def test_texts_that_are_not_there_are_a_misuse(tmp_path):
    code, output = call("--corpus", tmp_path / "*.txt", "--output", tmp_path / "out")
    assert code == 2
    assert "must match at least one text file. Received:" in output


def test_a_time_and_a_number_of_steps_exclude_each_other(tmp_path):
    code, output = call("--output", tmp_path, "--minutes", 3, *QUICK)
    assert code == 2
    assert "options --minutes and --steps: give one of them" in output
