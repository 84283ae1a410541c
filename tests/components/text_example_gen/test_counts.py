from __future__ import annotations

import pytest

from components.text_example_gen.counts import Counts

SPLITS = ("train", "eval", "test")
TALLIES = [
    (["rows_in"], 6),
    (["used", "train", "b"], 3),
    (["used", "eval", "a"], 1),
    (["written", "out/Split-train/data"], 3),
    (["written", "out/Split-eval/data"], 1),
    (["rejected", "no_text"], 1),
    (["rejected", "bad_json"], 1),
    (["rejects_written", "out/rejected"], 2),
    (["seen_label", "a"], 1),
    (["seen_label", "b"], 3),
    (["replaced_utf8"], 2),
    (["layout", "csv, cp1252, `;`, header"], 1),
    (["layout", "jsonl, UTF-8"], 3),
    (["file_problem", "a.csv is damaged"], 1),
    (["cleaned", "label_whole_number"], 2),
    (["relabelled", "1", "1.0"], 2),
]


def test_tallies_become_counts():
    counts = Counts.from_tallies(TALLIES, split_names=SPLITS, files=2)
    assert counts.to_dict() == {
        "rows_in": 6,
        "rows_used": 4,
        "rows_rejected": 2,
        "reasons": {"bad_json": 1, "no_text": 1},
        "labels": {"train": {"b": 3}, "eval": {"a": 1}, "test": {}},
        "duplicates": 0,
        "conflicting": 0,
        "replaced_utf8": 2,
        "files": 2,
        "cleaned": {"label_whole_number": 2},
        "cleaned_labels": {"1": {"1.0": 2}},
        "left_out_files": [],
        "split_files": [],
        "corrections": None,
        "given": {},
        "leaked": 0,
        "values": {},
        "layouts": {"jsonl, UTF-8": 3, "csv, cp1252, `;`, header": 1},
    }
    assert list(counts.seen_labels) == ["b", "a"]
    assert counts.file_problems == ["a.csv is damaged"]


@pytest.mark.parametrize("index", [0, 1, 3, 5, 7])
def test_a_row_lost_anywhere_is_noticed(index):
    key, number = TALLIES[index]
    tallies = [*TALLIES[:index], (key, number - 1), *TALLIES[index + 1 :]]
    with pytest.raises(RuntimeError, match="Rows do not add up"):
        Counts.from_tallies(tallies, split_names=SPLITS, files=2)
