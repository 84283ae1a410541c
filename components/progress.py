"""How far long work in this process has come, told to whoever listens.

TFX hands an executor nothing to report to, and what it prints goes into a log. So work
calls `tell`, and a program that shows it wraps the work in `listening`. Without a
listener `tell` does nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Listener = Callable[[str, int, "int | None", str], None]
LineListener = Callable[[str], None]
_listeners: list[tuple[Listener, LineListener | None]] = []


def tell(what: str, done: int, total: int | None = None, note: str = "") -> None:
    """Says how far work has come; call it as often as is handy, it costs little.

    Args:
        what: What is counted, in the plural: `rows`, `texts encoded`, `epochs`.
        done: How many are done, from 0 on.
        total: How many there are; None: not known.
        note: What is worth a line of its own, such as `loss 0.41, accuracy 0.83`.
    """
    for listener, _ in _listeners:
        listener(what, done, total, note)


def say(line: str) -> None:
    """Says what a person should know before the work is done, once.

    Args:
        line: A line.
    """
    for _, line_listener in _listeners:
        if line_listener is not None:
            line_listener(line)


@contextlib.contextmanager
def listening(
    listener: Listener, line_listener: LineListener | None = None
) -> Iterator[None]:
    """Has its arguments called for what this process tells and says, from any thread.

    Args:
        listener: Called with the arguments of `tell`; must not raise.
        line_listener: Called with the argument of `say`; must not raise.
    """
    listeners = (listener, line_listener)
    _listeners.append(listeners)
    try:
        yield
    finally:
        _listeners.remove(listeners)
