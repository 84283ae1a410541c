"""How many rows may be rejected."""

from __future__ import annotations

import pytest

from pipeline.batch.rejects import Allowance, TooManyRejected


def _summary(rejected, problems=()):
    return {
        "rows_in": 1000,
        "rows_rejected": rejected,
        "reasons": {"no_text": rejected},
        "problems": list(problems),
        "output": "/out",
    }


@pytest.mark.parametrize(
    ("text", "rejected"),
    [("10", 10), ("1%", 10), ("0", 0), ("100%", 1000), ("0.5%", 5)],
)
def test_so_many_are_allowed_and_not_one_more(text, rejected):
    allowance = Allowance.parse(text)
    allowance.check(_summary(rejected))
    if rejected < 1000:
        with pytest.raises(TooManyRejected, match=f"{rejected + 1:,} of 1,000 rows"):
            allowance.check(_summary(rejected + 1))


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "one", "1 %"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="a share such as 1%"):
        Allowance.parse(text)


def test_the_reasons_that_are_named_and_the_others_are_all_that_was_rejected():
    reasons = {"no_text": 5, "no_key": 3, "too_long": 2, "bad_json": 1, "not_text": 1}
    summary = {**_summary(12), "reasons": reasons}
    with pytest.raises(
        TooManyRejected, match="no_text 5, no_key 3, too_long 2, others 2"
    ):
        Allowance.parse("0").check(summary)


def test_a_damaged_file_is_never_allowed():
    with pytest.raises(TooManyRejected, match="x.gz is damaged .and 1 more files"):
        Allowance.parse("100%").check(_summary(1, ["x.gz is damaged", "y.gz too"]))
