"""Tests of the command line as far as it goes without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from pipeline.cli import _COMMANDS, main


def _invoke(*args: str):
    return CliRunner().invoke(main, args)


def test_help_answers_within_a_second(repository):
    best = min(_seconds_of_help(repository) for _ in range(3))
    assert best < 1.0


def _seconds_of_help(repository) -> float:
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", "--help"],
        check=True,
        capture_output=True,
        cwd=repository,
    )
    return time.monotonic() - start


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
