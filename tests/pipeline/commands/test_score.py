"""`elmo-tfx score` with a toy classifier, in the process of the tests."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.commands.score import command
from pipeline.terminal import only_visible

GREEN, RED, BOLD, RESET = "\033[32m", "\033[31m", "\033[1m", "\033[0m"


class _Terminal(io.TextIOWrapper):
    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    def isatty(self):
        return True

    def shown(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def on_terminal(toy_model, monkeypatch):
    """Runs the command where stdout is a terminal; returns what that got."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def run(*texts, encoding="utf-8"):
        terminal = _Terminal(encoding)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", only_visible(terminal))
            arguments = ["--model", str(toy_model), "--explain", *texts]
            command.main(arguments, standalone_mode=False)
        return terminal.shown()

    return run


def test_programs_get_every_token_with_its_weight(toy_model):
    arguments = ["score", "--model", str(toy_model), "a good film", ""]
    plain = CliRunner().invoke(main, arguments).stdout.splitlines()
    explained = CliRunner().invoke(main, [*arguments, "--explain"]).stdout.splitlines()
    assert "words" not in plain[0]
    first, empty = map(json.loads, explained)
    assert first.pop("words") == [
        {"token": "a", "weight": -0.3},
        {"token": "good", "weight": 1.5},
        {"token": "film", "weight": -0.1},
    ]
    assert empty["words"] == [] and first == json.loads(plain[0])


def test_it_is_said_that_a_text_is_empty(toy_model):
    for texts, said in ((("good", ""), 1), (("", " \t"), 2), (("good",), 0)):
        result = CliRunner().invoke(main, ["score", "--model", str(toy_model), *texts])
        assert len(result.stdout.splitlines()) == len(texts)
        line = f"texts that are empty, whatever their answer says: {said}"
        assert (line in result.stderr) == bool(said)


def test_a_terminal_shows_the_words_in_colours(on_terminal):
    label, words = on_terminal("a good film c").splitlines()
    assert label == "good 0.7500"
    assert words == (f" {RED}a{RESET} {GREEN}{BOLD}good{RESET} {RED}film{RESET} c")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colours_the_words_have_their_weights(
    on_terminal, monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    _, words = on_terminal("a good film c").splitlines()
    assert words == " a[-0.30] good[+1.50] film[-0.10] c"


def test_a_text_cannot_command_the_terminal(on_terminal):
    shown = on_terminal("\033]0;owned\007 \u202egood \033[32mbad", encoding="latin-1")
    colours = shown.count(GREEN) + shown.count(RED) + shown.count(BOLD)
    assert shown.count("\033") == colours + shown.count(RESET)
    assert "\\u001b]0;owned\\u0007" in shown and "\\u202egood" in shown


def test_what_a_terminal_cannot_write_is_escaped(on_terminal):
    assert "\\u0444" in on_terminal("good \u0444", encoding="latin-1")


def test_an_earlier_model_is_refused_in_one_line(tmp_path):
    from tests.pipeline.batch.toy_classifier import write_toy

    folder = write_toy(tmp_path / "1", explains=False)
    done = CliRunner().invoke(
        main, ["score", "--model", str(folder), "--explain", "good"]
    )
    assert done.exit_code == 2
    assert "cannot say which words decided" in done.output


def test_standard_input_is_read_whoever_wrote_it(toy_model, monkeypatch):
    """As a file of Windows, with bytes that are not UTF-8, in a locale of UTF-8."""
    raw = io.BytesIO(b"\xef\xbb\xbfa good\r\n\xff\xfe bad\r\n\n b ")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, "utf-8", "strict"))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        command.main(["--model", str(toy_model), "-"], standalone_mode=False)
    texts = [json.loads(line)["text"] for line in output.getvalue().splitlines()]
    assert texts == ["a good", "?? bad", "", " b "]


def test_a_closed_standard_input_is_said(repository):
    done = subprocess.run(
        f"exec {sys.executable} -m pipeline.cli score --model x - <&-",
        shell=True,
        capture_output=True,
        text=True,
        cwd=repository,
    )
    assert done.returncode == 2
    message = "error: argument TEXTS: - reads standard input, which is closed\n"
    assert done.stderr == message
