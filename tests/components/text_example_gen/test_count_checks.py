"""What is refused once all rows are counted."""

from __future__ import annotations

import dataclasses

import pytest

from components.text_example_gen.count_checks import check_counts, check_labels
from components.text_example_gen.counts import Counts
from components.text_example_gen.errors import DataError

GOOD = Counts(
    rows_in=40,
    rows_used=40,
    rows_rejected=0,
    reasons={},
    labels={
        "train": {"neg": 10, "pos": 20},
        "eval": {"pos": 5},
        "test": {"neg": 5},
    },
    duplicates=0,
    conflicting=0,
    replaced_utf8=0,
    files=1,
    layouts={"csv, UTF-8, `,`, header": 1},
    seen_labels={"pos": 25, "neg": 15},
    file_problems=[],
)


def check(counts: Counts, max_rejected_fraction: float = 0.01) -> None:
    check_counts(
        counts,
        max_rejected_fraction=max_rejected_fraction,
        max_replaced_fraction=0.05,
        rejected="out/rejected",
    )


def refusal(**changes: object) -> str:
    with pytest.raises(DataError) as caught:
        check(dataclasses.replace(GOOD, **changes))
    return str(caught.value)


def test_good_data_passes():
    check(GOOD)


def test_a_file_at_fault_is_named_and_others_are_counted():
    problems = ["a.csv has no column `text`\nhint: did you mean `txt`?", "b.csv: no"]
    assert refusal(file_problems=problems) == (
        "a.csv has no column `text` (and 1 more files are at fault)\n"
        "hint: did you mean `txt`?"
    )


def test_no_rows_are_refused():
    assert "no rows: 1 files were read" in refusal(rows_in=0)


def test_too_many_rejects_are_refused_with_numbers_reasons_and_place():
    rejected = {
        "rows_in": 1000,
        "rows_used": 970,
        "rows_rejected": 30,
        "reasons": {"no_text": 20, "bad_json": 9, "no_label": 1},
    }
    message = refusal(**rejected)
    assert message.startswith(
        "30 of 1,000 rows cannot be used (3.0%, allowed: 1.0%): "
        "no_text 20, bad_json 9, no_label 1. They lie in out/rejected"
    )
    assert message.endswith("or allow more with `max_rejected_fraction=0.03`")
    check(dataclasses.replace(GOOD, **rejected), max_rejected_fraction=0.03)


@pytest.mark.parametrize(
    ("rejected", "figure"), [(1, "0.03"), (3, "0.08"), (30, "0.75"), (39, "0.98")]
)
def test_the_figure_that_is_named_would_do(rejected, figure):
    counts = {"rows_rejected": rejected, "reasons": {"no_text": rejected}}
    assert f"`max_rejected_fraction={figure}`" in refusal(**counts)
    changed = dataclasses.replace(GOOD, **counts)
    check(changed, max_rejected_fraction=float(figure))


def test_headers_between_files_put_together_are_no_bad_rows():
    headers = {
        "rows_in": 409,
        "rows_used": 400,
        "rows_rejected": 9,
        "reasons": {"repeated_header": 9},
    }
    check(dataclasses.replace(GOOD, **headers))
    bad = {"rows_rejected": 14, "reasons": {"repeated_header": 9, "no_text": 5}}
    message = refusal(**{**headers, "rows_used": 395, **bad})
    assert message.startswith("5 of 400 rows cannot be used (1.2%, allowed: 1.0%): ")


def test_one_class_is_refused_by_name():
    labels = {"train": {"pos": 30}, "eval": {"pos": 5}, "test": {"pos": 5}}
    assert "only one class: all 40 rows are labelled 'pos'" in refusal(
        labels=labels, seen_labels={"pos": 40}
    )


def test_data_of_which_nothing_can_be_trained_on_is_refused():
    labels = {"train": {}, "eval": {}, "test": {}}
    none = {"rows_used": 0, "rows_rejected": 40, "labels": labels}
    with pytest.raises(DataError, match="No row is left to train on, of 40: no_label"):
        check(dataclasses.replace(GOOD, **none, reasons={"no_label": 40}), 1.0)
    # All of them were given for a held-out split.
    reasons, given = {"label_outside_training": 40}, {"test": 40}
    with pytest.raises(DataError, match="train on, of 40: label_outside_training 40"):
        check(dataclasses.replace(GOOD, **none, reasons=reasons, given=given))


def test_an_empty_split_is_refused_by_name():
    labels = {**GOOD.labels, "test": {}}
    expected = "none of 40 different ones fell into split `test`\n"
    assert expected in refusal(labels=labels)
    expected = "none of 2 different ones fell into split `test` (equal texts share"
    assert expected in refusal(labels=labels, duplicates=38)


def test_fractional_labels_are_refused_as_a_quantity():
    labels = {f"{i / 8}": 3 for i in range(200)}
    with pytest.raises(DataError, match="look like a continuous number: 200"):
        check_labels(labels)


def test_labels_that_hardly_repeat_are_refused_unless_they_are_a_sample():
    labels = {f"user {i}": 1 for i in range(60)}
    with pytest.raises(DataError, match="do not look like classes: 60 different"):
        check_labels(labels)
    check_labels(labels, complete=False)


@pytest.mark.parametrize(
    "labels",
    [
        {f"{i / 2}": 1 for i in range(11)},  # half stars
        {f"class {i}": 40 for i in range(300)},
        {f"{i}": 2 for i in range(100)},
    ],
)
def test_many_or_fractional_classes_pass(labels):
    check_labels(labels)


def test_so_many_rows_may_have_undecodable_characters_and_not_one_more():
    check(dataclasses.replace(GOOD, replaced_utf8=2))
    message = refusal(replaced_utf8=3)
    assert message.startswith("3 of 40 rows have characters that cannot be decoded")
    assert message.endswith("allow more with `max_replaced_fraction=0.08`")
