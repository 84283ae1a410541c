"""Tests of progress: what a terminal shows of a run, and what a log does."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from components.progress import say, tell
from pipeline.metadata.runs import NodeRecord
from pipeline.runs.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


def _record(node: str, state: str = "done") -> NodeRecord:
    return NodeRecord(node, state, 0.0, {})


def test_a_node_that_ends_gets_one_plain_line_with_its_time(clock):
    stream = io.StringIO()
    with Progress(stream, total=3, clock=clock).showing("Transform") as has_ended:
        assert stream.getvalue() == ""
        clock.now = 12.34
        has_ended(_record("Transform"))
    assert stream.getvalue() == "[1/3] Transform … 12.3 s\n"


def test_on_a_terminal_the_line_begins_when_the_node_does(clock):
    stream = _Terminal()
    with Progress(stream, total=3, clock=clock).showing("Transform") as has_ended:
        assert stream.getvalue() == "[1/3] Transform …"
        has_ended(_record("Transform"))
    assert stream.getvalue().endswith("\r\033[K[1/3] Transform … 0.0 s\n")


def test_a_node_from_the_cache_is_marked_and_the_next_is_not(clock):
    stream = io.StringIO()
    progress = Progress(stream, total=3, clock=clock)
    for node, state in (("StatisticsGen", "unchanged"), ("SchemaGen", "done")):
        with progress.showing(node) as has_ended:
            has_ended(_record(node, state))
    assert stream.getvalue() == (
        "[1/3] StatisticsGen … unchanged\n[2/3] SchemaGen … 0.0 s\n"
    )


def test_a_node_that_fails_gets_its_line_completed(clock):
    stream = io.StringIO()
    progress = Progress(stream, total=3, clock=clock)
    with pytest.raises(OSError, match="full"), progress.showing("Trainer"):
        clock.now = 2.0
        raise OSError("full")
    assert stream.getvalue() == "[1/3] Trainer … failed after 2.0 s\n"
    assert progress.node == "Trainer"


def test_what_a_long_node_tells_is_a_plain_line_every_ten_seconds(clock):
    stream = io.StringIO()
    with Progress(stream, total=3, clock=clock).showing("Trainer") as has_ended:
        for second in range(0, 31):
            clock.now = float(second)
            tell("texts encoded", second * 100, 9_472)
        tell("epochs", 1, 30, "loss 0.41")
        clock.now = 41.0
        tell("epochs", 2, 30, "loss 0.40")
        tell("rows", 51_000)
        has_ended(_record("Trainer"))
    tell("epochs", 3, 30, "nobody listens any more")
    assert stream.getvalue() == (
        "    Trainer: 1,000 of 9,472 texts encoded\n"
        "    Trainer: 2,000 of 9,472 texts encoded\n"
        "    Trainer: 3,000 of 9,472 texts encoded\n"
        "    Trainer: 2 of 30 epochs, loss 0.40\n"
        "[1/3] Trainer … 41.0 s\n"
    )


def test_what_a_node_says_is_a_line_that_stays(clock):
    plain, terminal = io.StringIO(), _Terminal()
    for stream in (plain, terminal):
        progress = Progress(stream, total=3, clock=clock)
        with progress.showing("TextExampleGen") as has_ended:
            say("rare: 'a\x1b[2J'")
            has_ended(_record("TextExampleGen"))
    say("nobody listens any more")
    line = "    TextExampleGen: rare: 'a\\u001b[2J'\n"
    assert plain.getvalue() == f"{line}[1/3] TextExampleGen … 0.0 s\n"
    begin = "[1/3] TextExampleGen …"
    assert terminal.getvalue().startswith(f"{begin}\r\033[K{line}{begin}")


def _tell_all(stream, clock) -> None:
    with Progress(stream, total=3, clock=clock).showing("Trainer") as has_ended:
        for done in range(0, 101, 10):
            tell("texts encoded", done, 100)
        for epoch in (1, 2):
            tell("epochs", epoch, 4, f"loss 0.4{epoch}")
        has_ended(_record("Trainer"))


def test_on_a_terminal_what_a_node_tells_is_one_bar_that_moves_and_goes_away(clock):
    stream = _Terminal()
    _tell_all(stream, clock)
    shown = stream.getvalue()
    assert shown.count("texts encoded:   0%") == 1
    assert "[1/3] Trainer … texts encoded: 100%" in shown
    assert "| 100/100 [" in shown
    assert "[1/3] Trainer … epochs:  50%" in shown
    assert "loss 0.42" in shown
    assert shown.endswith("\r\033[K[1/3] Trainer … 0.0 s\n")


@pytest.mark.parametrize("size", [(0, 0), (0, 120), (40, 120)])
def test_a_real_terminal_shows_the_bar_whatever_it_says_of_its_size(clock, size):
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    with os.fdopen(theirs, "w", buffering=1) as stream:
        _tell_all(stream, clock)
        shown = b""
        while b"0.0 s" not in shown:
            shown += os.read(ours, 1 << 16)
    os.close(ours)
    assert b"texts encoded: 100%" in shown
    assert b"loss 0.42" in shown


def test_long_work_that_is_no_node_tells_how_far_it_is():
    stream, clock = io.StringIO(), iter([0.0, 1.0, 12.0, 12.0, 13.0])
    progress = Progress(stream, total=0, clock=lambda: next(clock))
    with progress.telling("report"):
        tell("rows", 1000)
        tell("rows", 90_000)
        tell("rows", 91_000)
    assert stream.getvalue() == "    report: 90,000 rows\n"
    tell("rows", 92_000)  # nobody listens any more
