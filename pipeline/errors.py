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
