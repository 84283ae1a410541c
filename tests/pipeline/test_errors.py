"""Errors that end a command: one line, however long what they name is."""

from __future__ import annotations

from pipeline.errors import RunError, UserError


def test_the_middle_of_a_line_that_fills_a_screen_is_left_out():
    label = "x" * 200_000
    message = f"no row has the label {label}\nhint: did you mean 'y'?"
    for error in (UserError(message), RunError(message, lines=["log: run.log"])):
        line, _, rest = error.format_message().partition("\n")
        assert len(line) < 2100
        assert line.startswith("no row has the label xxx") and " … xxx" in line
        assert line.endswith("(hint: did you mean 'y'?)")
        assert rest == ("log: run.log" if isinstance(error, RunError) else "")


def test_a_usual_line_is_whole():
    assert UserError("a\nhint: b").format_message() == "a (hint: b)"
