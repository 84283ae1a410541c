"""The error of a command that was called with something wrong."""

from __future__ import annotations

from collections.abc import Sequence

import click


class Misuse(click.ClickException):
    """What was given cannot be used; the message says what, and the code is 2."""

    exit_code = 2


def refuse_stray(ctx: click.Context, beam_args: Sequence[str]) -> None:
    """Refuses what is no option of Beam, such as a glob that the shell has spread."""
    stray = [arg for arg in beam_args[:1] if not arg.startswith("--")]
    if stray:
        raise click.UsageError(
            f"unexpected argument. Received: {stray[0]!r} "
            "(hint: put a glob in quotes, and -- before Beam's options)",
            ctx,
        )
