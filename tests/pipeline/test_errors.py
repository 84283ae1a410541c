"""Errors that end a command: one line, however long what they name is."""

from __future__ import annotations

import pytest

from pipeline.errors import RunError, UserError, with_typed_options


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


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("if it is called otherwise, set `a`", "if it is called otherwise, set --a …"),
        ("set `b=x`, or `c`", "--set data.b=x, or `c`"),
        ("set its `b`: one, two", "--set data.b=…: one, two"),
        ("did you mean `a`?; set `a`", "did you mean `a`?; set --a …"),
    ],
)
def test_a_hint_names_options_as_they_are_typed(hint, shown):
    typed = {"a": "--a VALUE", "b": "--set data.b=VALUE"}
    said = with_typed_options(f"no column\nhint: {hint}", typed)
    assert said == f"no column\nhint: {shown}"
