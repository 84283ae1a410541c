"""How a signal ends a command: it stops where it is, and what must be is put right.

Nothing of ours is imported here.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interrupts:
    """What has come so far.

    Attributes:
        number: The first signal; None: none.
    """

    number: int | None = None


@contextlib.contextmanager
def interrupts_noted() -> Iterator[Interrupts]:
    """Makes Ctrl-C and SIGTERM alike raise KeyboardInterrupt, and notes which it was.

    Libraries turn that exception into errors of their own, as Beam does: whoever
    reports an error looks here first. A signal that this process was started to ignore
    stays ignored. In another thread than the main one nothing happens.
    """
    noted = Interrupts()

    def handle(number: int, frame: FrameType | None) -> None:
        noted.number = noted.number or number
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def reraise_interrupt(error: BaseException) -> None:
    """Raises KeyboardInterrupt if that is what lies behind an error."""
    behind: BaseException | None = error
    seen: list[BaseException] = []
    while behind is not None and behind not in seen:
        if isinstance(behind, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        seen.append(behind)
        behind = behind.__cause__ or behind.__context__
