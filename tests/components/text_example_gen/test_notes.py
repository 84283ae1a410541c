"""What is said about classes that are rare, or too small to be tested."""

from __future__ import annotations

from components.text_example_gen.notes import class_notes, leak_notes

EVEN = {
    "train": {"a": 80, "b": 75},
    "eval": {"a": 10, "b": 10},
    "test": {"a": 10, "b": 11},
}


def test_of_classes_that_are_large_enough_nothing_is_said():
    assert class_notes(EVEN) == []
    assert leak_notes(0) == []


def test_small_and_rare_classes_are_named():
    singles = {f"single {i}": 1 for i in range(4)}
    labels = {
        "train": {"common": 237, "rare": 1, **singles},
        "eval": {"common": 30, "rare": 1},
        "test": {"common": 30, "rare": 1},
    }
    assert class_notes(labels) == [
        "without a test row, so never measured: 4 classes, such as 'single 0', "
        "'single 1', 'single 2'",
        "with fewer than 10 test rows, so measured roughly: 1 class, 'rare'",
        "unbalanced: 237 training rows of 'common' for each of 'rare' (237 and 1)",
    ]


def test_classes_that_are_a_matter_of_spelling_are_named():
    names = ["Pos", "pos", "\\N", "NULL", "['a', 'b']", "other"]
    rows = dict.fromkeys(names, 20)
    assert class_notes({"train": rows, "eval": rows, "test": rows}) == [
        "classes that may stand for a missing label: 2 classes, '\\\\N', 'NULL'",
        "classes that look like lists of labels: 1 class, \"['a', 'b']\" (JSON Lines "
        "and Parquet hold lists; in CSV, write a|b, with --label-separator '|')",
        "classes that differ in capitals alone: 2 classes, 'Pos', 'pos'",
    ]


def test_rows_that_stand_on_both_sides_are_counted():
    [note] = leak_notes(1234)
    assert note.startswith("1,234 rows of eval or test have a text that an earlier")
