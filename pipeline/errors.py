"""Errors that end a command with one line for its user.

    click.ClickException
    ├── UserError   what was given cannot be used; exit code 2
    └── RunError    the work could not be done, or not to its end; exit code 1

The class of an error lies beside the code that raises it. Every command line built with
click prints the message alone and ends with the exit code; a last line `hint: ...` says
what would help. Any other exception is a fault of this program and keeps its traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import click


class UserError(click.ClickException):
    """What was given cannot be used: an option, a file, a model, a folder."""

    exit_code = 2


class RunError(click.ClickException):
    """What was asked for could not be done, though it could be asked for."""

    exit_code = 1


def with_hint_in_brackets(message: str) -> str:
    """Returns a message whose hint follows in brackets and not on a line of its own."""
    return re.sub(r"\nhint: (.*)", r" (hint: \1)", message)


def with_typed_options(message: str, typed: Mapping[str, str]) -> str:
    """Returns a message whose hint names options of the data as a user types them.

    Args:
        message: What `components` say: of a hint, `` `name` `` and `` `name=value` ``
            are options, unless it asks whether a column is meant.
        typed: Name of an option -> what is typed for it, such as `--format VALUE`.
    """
    before, line, hint = message.partition("\nhint: ")
    if hint.startswith("did you mean"):
        return message

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in typed:
            return match[0]
        return typed[match[1]].replace("VALUE", match[2] or "…")

    return before + line + re.sub(r"`(\w+)(?:=([^`]*))?`", replaced, hint)
