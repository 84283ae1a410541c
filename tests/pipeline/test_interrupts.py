"""A signal ends a command with one plain line and the exit code of a shell."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from pipeline import cli
from pipeline.errors import RunError
from pipeline.interrupts import (
    interrupts_noted,
    raise_if_interrupted,
    reraise_interrupt,
    signals_held,
)

_GOES_ON = "error: interrupted; the same command goes on from here\n"


def _signalled(number):
    os.kill(os.getpid(), number)


def _wrapped(number):
    """Raises what Beam makes of an interrupt in a worker of this process."""
    try:
        _signalled(number)
    except KeyboardInterrupt:
        raise RuntimeError("KeyboardInterrupt [while running 'Score']")  # noqa: B904


def _explained(number):
    try:
        _wrapped(number)
    except RuntimeError as error:
        raise RunError(f"Transform failed: {error}") from error


@pytest.fixture(autouse=True)
def _a_terminal():
    """These tests need SIGINT, which a shell lets background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def invoke(monkeypatch):
    """Runs `elmo-tfx NAME`, which does what it is told instead of its work."""

    def run(name, work, number):
        command = click.Command(name, callback=lambda: work(number))
        get = lambda self, ctx, cmd_name: command  # noqa: E731
        monkeypatch.setattr(cli._LazyGroup, "get_command", get)
        return CliRunner().invoke(cli.main, [name])

    return run


@pytest.mark.parametrize("work", [_signalled, _wrapped, _explained])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_one_line_and_the_code_of_the_signal(invoke, work, number, code):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    done = invoke("predict", work, number)
    assert (done.exit_code, done.output) == (code, _GOES_ON)
    after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


class _Swallows:
    """What Python raises in `__del__` it only reports."""

    def __init__(self, number):
        self._number = number

    def __del__(self):
        _signalled(self._number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_that_python_cannot_raise_comes_again(invoke, capfd, number, code):
    def work(number):
        _Swallows(number)
        time.sleep(30)

    done = invoke("predict", work, number)
    assert (done.exit_code, done.output) == (code, _GOES_ON)
    assert "Exception ignored" not in capfd.readouterr().err


def test_a_lost_signal_does_not_cut_what_puts_things_right():
    with interrupts_noted():
        _Swallows(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
        time.sleep(0.2)  # it would have come again


def test_a_lost_signal_does_not_come_after_the_block():
    with interrupts_noted():
        _Swallows(signal.SIGTERM)
    time.sleep(0.2)


def test_what_a_library_has_swallowed_is_raised_at_the_next_step():
    raise_if_interrupted()
    with interrupts_noted():
        with contextlib.suppress(KeyboardInterrupt):
            _signalled(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    raise_if_interrupted()


def test_what_does_not_go_on_does_not_say_so(invoke):
    done = invoke("score", _signalled, signal.SIGINT)
    assert (done.exit_code, done.output) == (130, "error: interrupted\n")


def test_what_a_command_says_itself_of_its_interruption_stays(invoke):
    def work(number):
        try:
            _signalled(number)
        except KeyboardInterrupt as error:
            own = click.ClickException("interrupted; the run goes on")
            own.exit_code = 130
            raise own from error

    done = invoke("kubeflow", work, signal.SIGTERM)
    assert (done.exit_code, done.output) == (
        143,
        "error: interrupted; the run goes on\n",
    )


def test_a_failure_is_still_a_failure(invoke):
    def work(number):
        raise RunError("no memory")

    done = invoke("predict", work, None)
    assert (done.exit_code, done.output) == (1, "error: no memory\n")
    assert isinstance(invoke("run", lambda _: {}[1], None).exception, KeyError)


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_noted() as noted:
            _signalled(signal.SIGINT)
        assert noted.number is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_is_held_comes_after_the_block_or_not_at_all():
    done = []
    with interrupts_noted() as noted:
        with signals_held(deliver=False):
            _signalled(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), signals_held():
            _signalled(signal.SIGTERM)
            done.append("all")
    assert (done, noted.number) == (["all"], signal.SIGTERM)


def test_of_two_signals_one_ends_even_what_holds_them():
    raised = pytest.raises(KeyboardInterrupt)
    with interrupts_noted() as noted, raised, signals_held(deliver=False):
        _signalled(signal.SIGTERM)
        _signalled(signal.SIGINT)
    assert noted.exit_code == 143  # of the first, in the order in which they came


def test_an_interrupt_behind_an_error_is_found_and_nothing_else():
    reraise_interrupt(ValueError())
    with pytest.raises(KeyboardInterrupt), interrupts_noted():
        try:
            _explained(signal.SIGINT)
        except RunError as error:
            reraise_interrupt(error)


_AT_EXIT = "atexit.register(signalled"
_WHILE_IT_CLEANS_UP = """
    try:
        signalled(2)
    finally:
        signalled(15)
"""
_WHILE_A_LIBRARY_IS_AT_WORK = """
    import hashlib, threading
    threading.Timer(0.05, signalled, [15, 2]).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**6)
"""
_PROGRAM = """
import atexit, os, signal, sys, time
from pipeline import cli, interrupts
import click
def signalled(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)
        time.sleep(0.01)
def work():
    {work}
get = lambda self, ctx, name: click.Command(name, callback=work)
cli._LazyGroup.get_command = get
cli.main([sys.argv[1]])
"""


def _ended(work: str, command: str = "predict") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(work=work), command],
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("work", "code", "says"),
    [
        (_WHILE_IT_CLEANS_UP, 130, "error: interrupted\n"),
        (_WHILE_A_LIBRARY_IS_AT_WORK, 143, "error: interrupted\n"),
        (f"{_AT_EXIT}, 2, 15); signalled(2)", 130, _GOES_ON),
        (f"{_AT_EXIT}, 15); signalled(15)", 143, _GOES_ON),
        (f"{_AT_EXIT}, 2); raise click.ClickException('no')", 1, "error: no\n"),
        (f"{_AT_EXIT}, 15)", 0, ""),
    ],
    ids=[
        "cleaning up",
        "both wait",
        "Ctrl-C, then both",
        "SIGTERM twice",
        "failed",
        "done",
    ],
)
def test_a_later_signal_changes_nothing_of_the_exit_code(work, code, says):
    assert _ended(work) == (code, says)


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_schedule_that_has_not_begun_ends_as_one_that_has(invoke, number, code):
    assert invoke("schedule", _signalled, number).exit_code == code


def test_ctrl_c_while_click_is_imported_makes_no_traceback():
    program = """
import builtins
before = builtins.__import__
def interrupted(name, *rest):
    if name == "click":
        raise KeyboardInterrupt
    return before(name, *rest)
builtins.__import__ = interrupted
import pipeline.cli
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


def test_what_goes_with_an_interrupted_command_is_not_heard(repository):
    """As TensorFlow's objects, which write to stderr when they are destroyed."""
    program = """
import os, signal, sys
import click
from pipeline import cli

class Loud:
    def __del__(self):
        os.write(2, b"W tensorflow: rendezvous is aborting\\n")

def work():
    loud = Loud()
    os.kill(os.getpid(), signal.SIGINT)
    raise AssertionError(loud)

signal.signal(signal.SIGINT, signal.default_int_handler)
command = click.Command("embed", callback=work)
cli._LazyGroup.get_command = lambda self, ctx, name: command
cli.main(["embed"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=repository
    )
    assert (done.returncode, done.stderr) == (130, _GOES_ON)
