"""Tests of the command line as far as it goes without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from pipeline.cli import _COMMANDS, main


def _invoke(*args: str):
    return CliRunner().invoke(main, args)


_HELP_AND_WHAT_IT_LOADED = """
import sys
from pipeline.cli import main
main(["run", "--help"], standalone_mode=False)
large = {"tensorflow", "keras", "tfx", "apache_beam", "pandas", "sklearn"}
print(*large & sys.modules.keys(), end="", file=sys.stderr)
"""


def test_help_answers_before_any_large_library_is_loaded(repository):
    done = subprocess.run(
        [sys.executable, "-c", _HELP_AND_WHAT_IT_LOADED],
        capture_output=True,
        text=True,
        cwd=repository,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "elmo-tfx run" in done.stdout


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_help_with_an_example(name):
    result = _invoke(name, "--help")
    assert result.exit_code == 0
    assert f"elmo-tfx {name}" in result.output
    assert _COMMANDS[name][1] in _invoke("--help").output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["rnu"], "No such command 'rnu'"),
        (["run", "--outptu", "x"], "'--outptu'"),
        (["run", "--output", "x"], "option --data is required"),
        (["run", "--data", "x"], "option --output is required"),
        (["run", "--data", "a.csv", "b.csv"], "unexpected argument. Received: 'b.csv'"),
        (
            ["run", "--data", "x", "--output", "y", "--set", "train.epoch=1"],
            "option train.epoch does not exist (hint: did you mean train.epochs?)",
        ),
        (["run", "--config", "no.yaml"], "cannot be read: no.yaml"),
        (["score", "--model", "no-such-folder", "text"], "no-such-folder"),
        (["score", "--model", "x"], "argument TEXTS"),
        (["score", "text"], "'--model'"),
    ],
)
def test_a_wrong_option_gets_one_line_and_exit_code_2(args, message, monkeypatch):
    result = _invoke(*args)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
    assert message in result.output
