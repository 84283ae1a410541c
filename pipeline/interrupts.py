"""How a signal ends a command: it stops where it is, and what must be is put right.

One more signal meanwhile ends the process as a kill would, and the next command puts
right what is left. Whatever comes after the first, the exit code is that of the first.

Nothing of ours is imported here.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN_SECONDS = 0.05
_exit_code: int | None = None  # of this process, once it is known
_noted: Interrupts | None = None  # what has come to this process, while it is noted
_arrivals: int | None = None  # a pipe with the numbers of the signals that came


@dataclass
class Interrupts:
    """What has come so far.

    Attributes:
        number: The first signal; None: none.
        exit_code: With which the next signal ends this process at once; None: it
            raises KeyboardInterrupt.
    """

    number: int | None = None
    exit_code: int | None = None


@contextlib.contextmanager
def interrupts_noted() -> Iterator[Interrupts]:
    """Makes Ctrl-C and SIGTERM alike raise KeyboardInterrupt, and notes which it was.

    That is the first one. The second ends the process with the exit code of the first
    and one line, wherever it is: a library may have swallowed the exception, or what is
    put right may hang.

    Libraries turn that exception into errors of their own, as Beam does: whoever
    reports an error looks here first. A signal that this process was started to ignore
    stays ignored. In another thread than the main one nothing happens.

    Where Python cannot raise an exception, as in `__del__`, it is lost; the signal then
    comes once more.
    """
    global _noted
    noted = _noted = Interrupts()
    report = sys.unraisablehook

    def repeat(lost: Any) -> None:
        if lost.exc_type is not KeyboardInterrupt or noted.number is None:
            report(lost)
            return
        noted.exit_code = None  # it is the first one still
        again = threading.Timer(_AGAIN_SECONDS, send_again)
        again.daemon = True
        again.start()

    def send_again() -> None:
        # Meanwhile the block may have ended, or another exception may end it.
        if _noted is noted and noted.number is not None and noted.exit_code is None:
            os.kill(os.getpid(), noted.number)

    def handle(number: int, frame: FrameType | None) -> None:
        if noted.exit_code is not None:
            with contextlib.suppress(OSError):
                os.write(terminal, b"error: interrupted\n")
            os._exit(noted.exit_code)
        noted.number = _first_of(number)
        noted.exit_code = 128 + noted.number
        raise KeyboardInterrupt

    terminal = os.dup(2)  # stderr itself may lead into a log meanwhile
    sys.unraisablehook = repeat
    try:
        with _order_noted(), signals_handled(_SIGNALS, handle):
            yield noted
    finally:
        sys.unraisablehook = report
        os.close(terminal)
        _noted = None


@contextlib.contextmanager
def signals_handled(numbers: Iterable[int], handle: _Handler) -> Iterator[None]:
    """Handles signals in the block, but for those that this process is to ignore.

    `nohup`, and a shell that starts a job in the background, see to it that a program
    ignores some, and no program may change that. In another thread than the main one
    nothing happens.

    Args:
        numbers: The signals.
        handle: Called with the number of one that has come, and the frame.
    """
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in numbers:
                if signal.getsignal(number) != signal.SIG_IGN:
                    before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_held(*, deliver: bool = True) -> Iterator[None]:
    """Lets no signal end what is in the block: it is delivered after it.

    Only the first one waits: what is in the block may hang.

    Args:
        deliver: False where a command ends with the block: there is nothing left that
            a signal could end.
    """
    came: list[int] = []
    before = {int(number): signal.getsignal(number) for number in _SIGNALS}

    def hold(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        if came and callable(handler):
            handler(number, frame)
        came.append(number)

    try:
        with signals_handled(_SIGNALS, hold):
            yield
    finally:
        if deliver:
            for number in came:
                signal.raise_signal(number)
        else:
            _first_of(0)  # the next one to come is the first again


@contextlib.contextmanager
def _order_noted() -> Iterator[None]:
    """Notes in the block which signal came first, for `_first_of`."""
    global _arrivals
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, (reader, writer) = _arrivals, os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    written = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _arrivals = reader
    try:
        yield
    finally:
        signal.set_wakeup_fd(written)
        _arrivals = before
        os.close(reader)
        os.close(writer)


def _first_of(number: int) -> int:
    """Returns the signal that came first, given the one that Python handles first.

    While the process is in a library's code, several may come: of these Python handles
    the one with the lowest number first. It writes them into a pipe as they come.
    """
    came = b""
    if _arrivals is not None:
        with contextlib.suppress(BlockingIOError):
            came = os.read(_arrivals, 512)
    return next((each for each in came if each in _SIGNALS), number)


def _forget_order() -> None:
    """Keeps a forked process from noting its own signals in our pipe."""
    with contextlib.suppress(ValueError):  # of a thread that is not the main one
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_order)


def keep_exit_code(code: int) -> None:
    """Sees to it that no signal changes how this process ends, from its end on.

    Until the interpreter is gone some seconds may pass, with TensorFlow in it.

    Args:
        code: The exit code; `sys.exit` comes next.
    """
    global _exit_code
    _exit_code = code
    # The last one to be registered is the first to be called.
    atexit.unregister(_end_at_once_on_signals)
    atexit.register(_end_at_once_on_signals)


def _end_at_once_on_signals() -> None:
    def end(*_: Any) -> None:
        os._exit(_exit_code or 0)

    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


@atexit.register  # as one of the first modules: called when nearly all others have been
def _ignore_signals() -> None:
    """Python takes its handlers back before the C libraries end; this one stays."""
    if _exit_code is not None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def raise_if_interrupted() -> None:
    """Raises KeyboardInterrupt if a signal has come, which a library has swallowed."""
    if _noted is not None and _noted.number is not None:
        _noted.exit_code = 128 + _noted.number
        raise KeyboardInterrupt


def reraise_interrupt(error: BaseException) -> None:
    """Raises KeyboardInterrupt if that, or a signal that came, lies behind an error."""
    if _noted is not None and _noted.number is not None:
        _noted.exit_code = 128 + _noted.number
        raise KeyboardInterrupt from error
    behind: BaseException | None = error
    seen: list[BaseException] = []
    while behind is not None and behind not in seen:
        if isinstance(behind, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        seen.append(behind)
        behind = behind.__cause__ or behind.__context__
