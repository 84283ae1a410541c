"""Starts a step again when it fails: Kubeflow Pipelines does not always do it.

Since 2.17 its workflow controller starts a pod again that has died, but not one whose
program has failed; and no release starts anything again later than an hour after the
first start. So the program of a step is a small process that starts the real one, and
starts it again in a fresh process after a pause.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from pipeline.errors import UserError
from pipeline.interrupts import signals_handled

TRY_VARIABLE = "ELMO_TFX_TRY"
"""Set for the process that does the work: the number of its try, from 1."""

PAUSE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 600.0
_ENDED_BY_SIGNAL = 128  # what a shell adds to the number of the signal


def is_a_try() -> bool:
    """Returns whether this process does the work, and does not start it."""
    return TRY_VARIABLE in os.environ


def run_tries(
    command: Sequence[str],
    *,
    retries: int,
    begin: Callable[[int], int | None],
    pause_seconds: float = PAUSE_SECONDS,
) -> int:
    """Runs a command until it succeeds, at most `retries` times more than once.

    A command that ends with the code of a `UserError` is not started again: what it
    was given cannot be used, and will be the same. A signal that asks this process to
    end goes on to the command, and ends the tries.

    Args:
        command: Program and arguments.
        retries: How often it may be started again.
        begin: Counts a try over all processes that make any, as `StepTries.begin`
            does. While it fails, those of this process count alone.
        pause_seconds: Seconds before the second try; each later pause is twice as long
            as the one before it, up to ten minutes.

    Returns:
        The exit code: that of the last try, or 1 if all tries were made before.
    """
    most = retries + 1
    code, number = 1, 0
    while number < most:
        counted = _count(begin, most, number + 1)
        if counted is None:
            _say(f"its {most} tries were made; submit the run again to go on from here")
            return code
        if number:
            _say(f"starting it again in {pause_seconds:g} s, try {counted} of {most}")
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        number = counted
        code, was_asked_to_end = _run(command, number)
        if code == 0 or was_asked_to_end:
            return code
        _say(f"try {number} of {most} ended with exit code {code}")
        if code == UserError.exit_code:
            return code
    return code


def _count(begin: Callable[[int], int | None], most: int, number: int) -> int | None:
    """Returns the number of the next try, or None if there may be no more."""
    try:
        counted = begin(most)
    # Whatever is wrong with the database: the step itself says so if it needs it.
    except Exception as error:  # noqa: BLE001
        _say(f"this try is not counted in ML Metadata: {str(error).splitlines()[0]}")
        return number
    return None if counted is None else max(counted, number)


def _run(command: Sequence[str], number: int) -> tuple[int, bool]:
    """Returns the exit code of one try, and whether this process was asked to end."""
    environment = {**os.environ, TRY_VARIABLE: str(number)}
    process = subprocess.Popen(command, env=environment)
    with _passing_on(process) as asked:
        code = process.wait()
    return (code if code >= 0 else _ENDED_BY_SIGNAL - code), bool(asked)


@contextlib.contextmanager
def _passing_on(process: subprocess.Popen) -> Iterator[list[int]]:
    """Passes signals that ask to end on to a process; yields those that came."""
    asked: list[int] = []

    def pass_on(number: int, frame: Any) -> None:
        asked.append(number)
        process.send_signal(number)

    with signals_handled((signal.SIGTERM, signal.SIGINT), pass_on):
        yield asked


def _say(message: str) -> None:
    click.echo(f"step: {message}", err=True)
