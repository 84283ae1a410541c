"""Tests of pipeline.runs.outcomes: which of several wrapped errors a user is shown."""

from __future__ import annotations

from keras_elmo.errors import SourceError
from pipeline.config import ConfigError
from pipeline.runs.outcomes import RunFailed, reason_of

_REMOTE = """\
Traceback (most recent call last):
  File "worker.py", line 5, in process
    raise {type}("cannot use b.csv")
{type}: cannot use b.csv [while running 'Read']
"""


def _wrapped(inner: Exception, outer: Exception) -> Exception:
    try:
        try:
            raise inner
        except type(inner) as error:
            raise outer from error
    except type(outer) as error:
        return error


def test_an_error_of_ours_is_shown_with_all_its_lines():
    error = _wrapped(
        SourceError("no such folder\nhint: look there"), RuntimeError("wrapped")
    )
    assert reason_of(error) == "no such folder\nhint: look there"


def test_the_outermost_error_of_ours_hides_what_caused_it():
    error = _wrapped(KeyError("internal"), ConfigError("option x: wrong"))
    assert reason_of(error) == "option x: wrong"


def test_an_error_of_a_library_is_shown_by_its_origin_in_one_line():
    error = _wrapped(OSError("No space left on device\nmore"), RuntimeError("wrapped"))
    assert reason_of(error) == "OSError: No space left on device"


def test_a_line_that_ends_in_a_colon_says_nothing_without_the_next():
    error = ValueError("Schema at index 1 was different: \na: int64\nvs\nb: int64")
    said = "ValueError: Schema at index 1 was different: a: int64"
    assert reason_of(error) == said
    assert reason_of(ValueError("nothing:")) == "ValueError: nothing:"


def test_the_step_that_beam_appends_is_left_out():
    error = SourceError("bad row [while running 'A/B (C)']")
    assert reason_of(error) == "bad row"


def test_an_error_of_ours_from_another_process_is_read_out_of_its_traceback():
    text = _REMOTE.format(type="components.text_example_gen.errors.DataError")
    assert reason_of(RuntimeError(text)) == "cannot use b.csv"


def test_any_other_error_from_another_process_keeps_the_name_of_its_class():
    assert reason_of(RuntimeError(_REMOTE.format(type="builtins.OSError"))) == (
        "OSError: cannot use b.csv"
    )


def test_an_error_without_words_is_shown_by_its_class():
    assert reason_of(AssertionError()) == "AssertionError"


def test_a_failed_run_names_node_reason_and_log():
    error = RunFailed(node="Trainer", reason="out of memory", log="out/logs/x.log")
    assert str(error) == "Trainer failed: out of memory\nlog: out/logs/x.log"
