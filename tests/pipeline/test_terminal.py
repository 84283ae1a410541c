"""Control characters in what is shown are seen, and not obeyed."""

from __future__ import annotations

import io
import json
import sys

import click
import pytest
from click.testing import CliRunner

from pipeline import cli
from pipeline.errors import RunError, UserError
from pipeline.runs.outcomes import RunFailed
from pipeline.terminal import only_visible, visible, visible_line

_TITLE = "\x1b]0;mine\x07"
_SHOWN = "\\u001b]0;mine\\u0007"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"a{_TITLE}b", f"a{_SHOWN}b"),
        ("\x9b31mred", "\\u009b31mred"),
        ("back\b\r\x00\x7f", "back\\u0008\\u000d\\u0000\\u007f"),
        ("abc\u202ecba\u2066\u2069", "abc\\u202ecba\\u2066\\u2069"),
        ("line\u2028line\x85", "line\\u2028line\\u0085"),
        ("name\udc9b31m", "name\\udc9b31m"),
        ("tab\tline\n naïve – 你好 שלום 👍🏽", "tab\tline\n naïve – 你好 שלום 👍🏽"),
    ],
)
def test_only_control_characters_change(text, shown):
    assert visible(text) == shown


def test_json_stays_the_same_json():
    value = {"text": "\x7f \u202e \x1b \x9b"}
    line = json.dumps(value, ensure_ascii=False)
    assert visible(line) != line
    assert json.loads(visible(line)) == value


def test_a_stream_that_lacks_a_character_gets_its_number():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    only_visible(stream).writelines(["é…", "\udcff"])
    assert raw.getvalue() == b"\\xe9\\u2026\\udcff"


_FORGED = "out\nlog: /tmp/evil\n\r\v\f\x85\u2028\u2029error: all is well"
_FORGED_SHOWN = (
    r"out\nlog: /tmp/evil\n\u000d\u000b\u000c\u0085\u2028\u2029error: all is well"
)
_BROKEN = {
    "break in a usage": click.UsageError(_FORGED),
    "break in another's": click.ClickException(_FORGED),
    "break in an option": UserError(f"no file: {_FORGED}\nhint: try\n  again"),
    "break in a work": RunError(_FORGED, lines=[f"log: {_FORGED}"]),
    "break in a node": RunFailed(
        node="Gate", reason=f"2 rows:\n  {_FORGED}\n  two\nhint: none", log=_FORGED
    ),
}


def test_a_line_is_one_line_whatever_is_in_it():
    assert visible_line(_FORGED) == _FORGED_SHOWN


@click.command("say")
@click.argument("where")
def _say(where: str) -> None:
    if where.startswith("break"):
        raise _BROKEN[where]
    if where == "usage":
        raise click.UsageError(_TITLE)
    if where == "user":
        raise UserError(f"no column (hint: Columns found: {_TITLE})")
    if where == "run":
        raise RunError(_TITLE)
    if where == "library":
        sys.stderr.write(_TITLE)
    else:
        click.echo(_TITLE, err=where == "err")


@pytest.fixture
def say(monkeypatch):
    """Runs a command that says something with an escape."""
    lazy = cli._LazyGroup
    monkeypatch.setitem(cli._COMMANDS, "say", ("", ""))
    before = lazy.get_command
    monkeypatch.setattr(
        lazy,
        "get_command",
        lambda self, ctx, name: _say if name == "say" else before(self, ctx, name),
    )
    return lambda *words: CliRunner().invoke(cli.main, ["say", *words])


@pytest.mark.parametrize("where", ["out", "err", "usage", "user", "run", "library"])
def test_no_message_of_a_command_reaches_the_terminal_with_an_escape(say, where):
    output = say(where).output
    assert _SHOWN in output
    assert "\x1b" not in output and "\x07" not in output


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("break in a usage", [f"error: {_FORGED_SHOWN} (hint: main say --help)"]),
        ("break in another's", [f"error: {_FORGED_SHOWN}"]),
        (
            "break in an option",
            [f"error: no file: {_FORGED_SHOWN} (hint: try)\\n  again"],
        ),
        ("break in a work", [f"error: {_FORGED_SHOWN}", f"log: {_FORGED_SHOWN}"]),
        (
            "break in a node",
            [
                "error: Gate failed: 2 rows:",
                f"  {_FORGED_SHOWN}",
                "  two (hint: none)",
                f"log: {_FORGED_SHOWN}",
            ],
        ),
    ],
)
def test_no_value_in_a_message_makes_a_line(say, where, shown):
    assert say(where).output.splitlines() == shown
