"""Errors that end a command with one line for its user.

    click.ClickException
    ├── UserError   what was given cannot be used; exit code 2
    └── RunError    the work could not be done, or not to its end; exit code 1

The class of an error lies beside the code that raises it. Every command line built with
click prints the message alone and ends with the exit code; a last line `hint: ...` says
what would help, and is printed in brackets. Any other exception is a fault of this
program and keeps its traceback.

A message is printed in one line, whatever the paths, names and values in it are; what
needs lines of its own is given as such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import click

from pipeline.terminal import visible_line

DAMAGED_GRAPH = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError),
    *(RuntimeError, TypeError, ValueError),
)
"""What TensorFlow raises, besides its own `OpError`, when it loads a graph that is not
what was written."""

_MOST_BRIEF = 500  # characters
_MOST_LINE, _END_OF_LINE = 2000, 500


class UserError(click.ClickException):
    """What was given cannot be used: an option, a file, a model, a folder."""

    exit_code = 2

    def format_message(self) -> str:
        """Returns the line that is printed."""
        return one_line(self.message)


class RunError(click.ClickException):
    """What was asked for could not be done, though it could be asked for.

    Args:
        message: Why.
        lines: Lines of their own after it, such as `log: ...`.
    """

    exit_code = 1

    def __init__(self, message: str, *, lines: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *lines]))
        self._reason, self._lines = message, lines

    def format_message(self) -> str:
        """Returns the lines that are printed."""
        return "\n".join([self._shown(self._reason), *map(visible_line, self._lines)])

    def _shown(self, reason: str) -> str:
        return one_line(reason)


def one_line(message: str) -> str:
    """Returns a message in one line, its hint in brackets; all in it is visible.

    Of a line that fills a screen the middle is left out: a label may be that long.
    """
    line = visible_line(_with_hint_in_brackets(message))
    if len(line) <= _MOST_LINE:
        return line
    return f"{line[: _MOST_LINE - _END_OF_LINE]} … {line[-_END_OF_LINE:]}"


def indented_lines(message: str) -> str:
    """Returns what `one_line` does, but lines that are indented stay lines."""
    first, *indented = _with_hint_in_brackets(message).split("\n  ")
    return "\n  ".join(map(visible_line, [first, *indented]))


def brief_line(message: str) -> str:
    """Returns a message in one line of bounded length, its hint in brackets."""
    line = indented_lines(message).replace("\n  ", " ").strip()
    return line if len(line) <= _MOST_BRIEF else line[: _MOST_BRIEF - 1] + "…"


def _with_hint_in_brackets(message: str) -> str:
    return re.sub(r"\nhint: (.*)", r" (hint: \1)", message)


def with_typed_options(message: str, typed: Mapping[str, str]) -> str:
    """Returns a message whose hint names options of the data as a user types them.

    Args:
        message: What `components` say: of a hint, `` `name` `` and `` `name=value` ``
            are options, unless it asks whether a column is meant.
        typed: Name of an option -> what is typed for it, such as `--format VALUE`.
    """
    before, line, hint = message.partition("\nhint: ")
    question = re.match(r"did you mean `.*`\?", hint, re.DOTALL)
    asked = question[0] if question else ""

    def replaced(match: re.Match[str]) -> str:
        verb, name, value = match.groups()
        if name not in typed:
            return match[0]
        shown = typed[name].replace("VALUE", value or "…")
        return shown if shown.startswith("--set ") else f"{verb or ''}{shown}"

    typed_hint = re.sub(
        r"(set (?:its )?)?`(\w+)(?:=([^`]*))?`", replaced, hint[len(asked) :]
    )
    return before + line + asked + typed_hint
