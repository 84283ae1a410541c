"""Sends everything that a run says into a file, and keeps the terminal for progress."""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import absl.logging

from pipeline.interrupts import signals_held
from pipeline.terminal import only_visible

_end = Path(os.devnull)  # where messages go once the interpreter ends
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextlib.contextmanager
def run_log(path: Path) -> Iterator[TextIO]:
    """Writes logging, stdout and stderr of this process into `path`.

    TensorFlow's C++ code and the libraries below it write straight to the file
    descriptors, so these are redirected too, and with them those of child processes.
    What is said when the interpreter ends goes there, too, if the file is still there.
    The control characters in what Python writes are made visible.

    Args:
        path: The log; appended to if it exists.

    Yields:
        A stream that still reaches what was stderr, for progress; control characters
        pass through it.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(_opened(path))
        handler = logging.StreamHandler(only_visible(log))
        handler.setFormatter(logging.Formatter(_FORMAT))
        terminal = stack.enter_context(_redirected(log.fileno()))
        stack.enter_context(_logging_to(handler))
        stack.callback(_log_the_end_in, path)
        yield terminal


def _log_the_end_in(path: Path) -> None:
    """Makes stderr go into `path`, if that is still there, once the interpreter ends.

    TensorFlow's functions complain there that the modules they need are gone, most of
    all after an error, whose traceback keeps them alive until then.
    """
    global _end
    _end = path
    # The last one to be registered is the first to be called.
    atexit.unregister(_redirect_the_end)
    atexit.register(_redirect_the_end)


def _redirect_the_end() -> None:
    with open(_end if _end.exists() else os.devnull, "ab") as log:
        os.dup2(log.fileno(), 2)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    log = path.open("a", encoding="utf-8")
    try:
        yield log
    finally:
        # What it still holds is written now. A full disk is reported by what failed
        # on it; this error would hide that one.
        with contextlib.suppress(OSError):
            log.close()


@contextlib.contextmanager
def _redirected(log: int) -> Iterator[TextIO]:
    streams = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.flush()
    saved = [os.dup(1), os.dup(2)]
    # In a test, or under a tool that captures output, sys.stderr may have none.
    terminal = os.fdopen(os.dup(2), "w", buffering=1) if _is_stderr() else sys.stderr
    inner = os.fdopen(os.dup(log), "a", buffering=1, encoding="utf-8")
    # Whatever a signal interrupts below, its message reaches what was stderr.
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout = sys.stderr = only_visible(inner)
        yield terminal
    finally:
        with signals_held():
            sys.stdout, sys.stderr = streams
            for descriptor, original in enumerate(saved, start=1):
                os.dup2(original, descriptor)
                os.close(original)
            if terminal is not sys.stderr:
                terminal.close()
            # Not closed: a library may have kept it as its stream for later messages.
            with contextlib.suppress(OSError):  # a full disk is reported by what failed
                inner.flush()


def _is_stderr() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (io.UnsupportedOperation, AttributeError):
        return False


@contextlib.contextmanager
def _logging_to(handler: logging.Handler) -> Iterator[None]:
    """Makes `handler` the only one, at level INFO for TFX and all others."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, absl.logging.get_verbosity())
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Not by the level of its logger: whenever TFX parses flags, which it does for
    # every Beam node, that level is set anew from absl's own.
    absl.logging.set_verbosity(absl.logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = before[:2]
        absl.logging.set_verbosity(before[2])
        with contextlib.suppress(OSError):
            handler.close()
