"""The error of a command that was called with something wrong."""

from __future__ import annotations

import click


class Misuse(click.ClickException):
    """What was given cannot be used; the message says what, and the code is 2."""

    exit_code = 2
