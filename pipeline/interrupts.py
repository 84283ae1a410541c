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
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_exit_code: int | None = None  # of this process, once it is known
_noted: Interrupts | None = None  # what has come to this process, while it is noted


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
    """
    global _noted
    noted = _noted = Interrupts()

    def handle(number: int, frame: FrameType | None) -> None:
        if noted.exit_code is not None:
            with contextlib.suppress(OSError):
                os.write(terminal, b"error: interrupted\n")
            os._exit(noted.exit_code)
        noted.number, noted.exit_code = number, 128 + number
        raise KeyboardInterrupt

    before = {}
    terminal = os.dup(2)  # stderr itself may lead into a log meanwhile
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(terminal)
        _noted = None


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
        signal.signal(number, end)


@atexit.register  # as one of the first modules: called when nearly all others have been
def _ignore_signals() -> None:
    """Python takes its handlers back before the C libraries end; this one stays."""
    if _exit_code is not None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def reraise_interrupt(error: BaseException) -> None:
    """Raises KeyboardInterrupt if that, or a signal that came, lies behind an error."""
    if _noted is not None and _noted.number is not None:
        raise KeyboardInterrupt from error
    behind: BaseException | None = error
    seen: list[BaseException] = []
    while behind is not None and behind not in seen:
        if isinstance(behind, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        seen.append(behind)
        behind = behind.__cause__ or behind.__context__
