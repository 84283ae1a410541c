"""Tests of pipeline.runs.node_launcher, fed with the messages of TFX's runner."""

from __future__ import annotations

import io
import logging

import pytest

from pipeline.runs.node_launcher import Progress


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


def _follow(stream: io.StringIO, clock: _Clock) -> tuple[Progress, logging.Logger]:
    progress = Progress(stream, total=3, clock=clock)
    logger = logging.Logger("test")
    logger.addHandler(progress)
    return progress, logger


def test_a_node_that_ends_gets_one_plain_line_with_its_time(clock):
    stream = io.StringIO()
    _, logger = _follow(stream, clock)
    logger.info("Component %s is running.", "Transform")
    assert stream.getvalue() == ""
    clock.now = 12.34
    logger.info("Component %s is finished.", "Transform")
    assert stream.getvalue() == "[1/3] Transform … 12.3 s\n"


def test_on_a_terminal_the_line_begins_when_the_node_does(clock):
    stream = _Terminal()
    _, logger = _follow(stream, clock)
    logger.info("Component %s is running.", "Transform")
    assert stream.getvalue() == "[1/3] Transform …"
    logger.info("Component %s is finished.", "Transform")
    assert stream.getvalue() == "[1/3] Transform … 0.0 s\n"


def test_a_node_from_the_cache_is_marked_and_the_next_is_not(clock):
    stream = io.StringIO()
    _, logger = _follow(stream, clock)
    for node in ("StatisticsGen", "SchemaGen"):
        logger.info("Component %s is running.", node)
        if node == "StatisticsGen":
            logger.info("A cached execution %d is used.", 7)
        logger.info("Component %s is finished.", node)
    assert stream.getvalue() == (
        "[1/3] StatisticsGen … unchanged\n[2/3] SchemaGen … 0.0 s\n"
    )


def test_a_node_that_fails_gets_its_line_completed_once(clock):
    stream = io.StringIO()
    progress, logger = _follow(stream, clock)
    logger.info("Component %s is running.", "Trainer")
    clock.now = 2.0
    progress.fail()
    assert stream.getvalue() == "[1/3] Trainer … failed after 2.0 s\n"
    assert progress.node == "Trainer"


def test_other_messages_are_ignored(clock):
    stream = io.StringIO()
    progress, logger = _follow(stream, clock)
    logger.info("Component %s is tired.", "Trainer")
    logger.warning({"not": "text"})
    progress.fail()
    assert stream.getvalue() == ""


def test_tfx_still_writes_the_messages_that_progress_reads():
    import inspect

    from tfx.orchestration.local import local_dag_runner
    from tfx.orchestration.portable import launcher

    runner = inspect.getsource(local_dag_runner)
    assert "'Component %s is running.', node_id" in runner
    assert "'Component %s is finished.', node_id" in runner
    assert "'A cached execution %d is used.'" in inspect.getsource(launcher)
