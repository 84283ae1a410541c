"""How far long work in this process has come, told to whoever listens.

TFX hands an executor nothing to report to, and what it prints goes into a log. So work
calls `tell`, and a program that shows it wraps the work in `listening`. Without a
listener `tell` does nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Listener = Callable[[str, int, "int | None", str], None]
_listeners: list[Listener] = []


def tell(what: str, done: int, total: int | None = None, note: str = "") -> None:
    """Says how far work has come; call it as often as is handy, it costs little.

    Args:
        what: What is counted, in the plural: `rows`, `texts encoded`, `epochs`.
        done: How many are done, from 0 on.
        total: How many there are; None: not known.
        note: What is worth a line of its own, such as `loss 0.41, accuracy 0.83`.
    """
    for listener in _listeners:
        listener(what, done, total, note)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Has `listener` called for every `tell` of this process, from any thread.

    Args:
        listener: Called with the arguments of `tell`; must not raise.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
