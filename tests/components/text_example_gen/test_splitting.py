"""How rows are divided: small classes exactly, large ones by hash, nothing twice."""

from __future__ import annotations

import csv

import pytest

from components.text_example_gen import ingestion
from components.text_example_gen.errors import DataError
from components.text_example_gen.splitting import exact_numbers, open_shares

SPLITS = ("train", "eval", "test")
USUAL = (8000, 1000, 1000)


@pytest.mark.parametrize(
    ("units", "shares", "numbers"),
    [
        (1, USUAL, [1, 0, 0]),
        (2, USUAL, [1, 0, 1]),
        (3, USUAL, [1, 1, 1]),
        (10, USUAL, [8, 1, 1]),
        (297, USUAL, [237, 30, 30]),
        (4, (2, 49, 49), [1, 1, 2]),
        (2, (9, 1, 0), [1, 1, 0]),  # the test rows were given
        (2, (9, 0, 1), [1, 0, 1]),
        (3, (1, 0, 0), [3, 0, 0]),
    ],
)
def test_a_class_gets_its_share_and_one_row_at_least_in_each_split(
    units, shares, numbers
):
    assert exact_numbers(units, shares) == numbers


def test_what_a_given_split_would_get_stays_in_training():
    assert open_shares(USUAL, {0, 2}) == [9000, 1000, 0]
    assert open_shares(USUAL, {1, 2}) == [10000, 0, 0]


def write(path, rows, header=("text", "label")):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def sizes(result, label):
    return [result.counts["labels"][name].get(label, 0) for name in SPLITS]


def test_rare_classes_train_and_are_tested_as_far_as_they_go(ingest, tmp_path):
    rows = [(f"common {i}", "common") for i in range(297)]
    rows += [(f"rare {i}", "rare") for i in range(3)]
    rows += [(f"single {i}", f"single {i}") for i in range(100)]
    result = ingest(write(tmp_path / "a.csv", rows))
    assert result.counts["rows_rejected"] == 0
    assert sizes(result, "common") == [237, 30, 30]
    assert sizes(result, "rare") == [1, 1, 1]
    assert all(sizes(result, f"single {i}") == [1, 0, 0] for i in range(100))


def test_texts_with_several_labels_stay_on_one_side_and_are_divided_too(
    ingest, tmp_path
):
    rows = [(f"both {i}", label) for i in range(10) for label in "ab"]
    result = ingest(write(tmp_path / "a.csv", rows))
    assert sizes(result, "a") == sizes(result, "b") == [8, 1, 1]
    assert (result.counts["conflicting"], result.counts["leaked"]) == (20, 0)


def test_the_column_of_splits_is_followed(ingest, tmp_path):
    names = ["train"] * 40 + [" Dev ", "VALIDATION"] * 5 + ["Test", "held-out"] * 5
    rows = [(f"text {i}", "ab"[i % 2], names[i]) for i in range(60)]
    rows += [("text 1", "b", "test"), ("text 2", "a", "later"), ("text 3", "b", "")]
    rows += [("new", "c", "test")]
    data = write(tmp_path / "a.csv", rows, ("text", "label", "part"))
    result = ingest(data, split_column="part", max_rejected_fraction=0.1)
    by_split = {name: {text for text, _ in result.split(name)} for name in SPLITS}
    assert by_split["train"] == {f"text {i}" for i in range(40)}
    assert by_split["eval"] == {f"text {i}" for i in range(40, 50)}
    assert by_split["test"] == {f"text {i}" for i in (1, *range(50, 60))}
    assert result.counts["reasons"] == {"bad_split": 2, "label_outside_training": 1}
    assert result.counts["given"] == {"eval": 10, "test": 12}
    assert result.counts["leaked"] == 1


def test_a_split_that_the_column_lacks_is_taken_from_training_by_class(
    ingest, tmp_path
):
    rows = [(f"text {i}", "rare" if i < 4 else "common", "train") for i in range(44)]
    rows += [(f"held {i}", "common", "test") for i in range(30)]
    data = write(tmp_path / "a.csv", rows, ("text", "label", "part"))
    result = ingest(data, split_column="part")
    assert sizes(result, "rare") == [3, 1, 0]
    assert sizes(result, "common") == [36, 4, 30]
    assert result.counts["given"] == {"test": 30}


def test_files_of_their_own_are_the_held_out_rows(ingest, tmp_path):
    write(tmp_path / "train.csv", [(f"text {i}", "ab"[i % 2]) for i in range(40)])
    lines = [f'{{"text": "held {i}", "label": "{"ab"[i % 2]}"}}\n' for i in range(7)]
    (tmp_path / "test.txt").write_text("".join(lines))
    (tmp_path / "README").write_text("about")
    # The data's own glob finds the test file, too.
    result = ingest(tmp_path / "*", test_pattern=str(tmp_path / "test.txt"))
    assert result.counts["left_out_files"] == [f"{tmp_path}/README"]
    assert sizes(result, "a") == [18, 2, 4]
    assert sizes(result, "b") == [18, 2, 3]
    assert {text for text, _ in result.split("test")} == {f"held {i}" for i in range(7)}
    assert result.counts["files"] == 2


def test_rows_of_a_group_share_a_split(ingest, tmp_path):
    rows = [(f"text {i}", "ab"[i % 2], f"user {i // 4}") for i in range(80)]
    rows += [("same", "a", "user 1"), ("same", "a", "user 2"), ("alone", "b", "")]
    data = write(tmp_path / "a.csv", rows, ("text", "label", "user"))
    result = ingest(data, group_column="user")
    users = {text: user for text, _, user in rows if text.startswith("text")}
    of_split = [
        {users[text] for text, _ in result.split(name) if text in users}
        for name in SPLITS
    ]
    # All of them have both labels, so they are one stratum of 20 groups.
    assert [len(groups) for groups in of_split] == [16, 2, 2]
    assert set.union(*of_split) == set(users.values())
    assert sum(map(sum, (sizes(result, label) for label in "ab"))) == 83


def test_with_spans_equal_texts_go_by_their_hash_alone(ingest, tmp_path):
    folder = tmp_path / "1"
    folder.mkdir()
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(60)]
    rows += [(f"rare {i}", f"rare {i}") for i in range(30)]
    write(folder / "a.csv", rows)
    result = ingest(f"{tmp_path}/{{SPAN}}/*.csv", span=1)
    assert result.counts["rows_rejected"] == 0
    assert all(sizes(result, f"rare {i}") == [1, 0, 0] for i in range(30))
    alone = ingest(write(tmp_path / "b.csv", rows[:60]), output=tmp_path / "alone")
    assert sizes(alone, "a") == [24, 3, 3] != sizes(result, "a")


def test_held_out_files_without_labels_are_refused(ingest, tmp_path):
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(40)]
    data = write(tmp_path / "train.csv", rows)
    test = write(tmp_path / "test.csv", [(f"held {i}", "-1") for i in range(9)])
    message = "given for split `test` has a label .*: label_outside_training 9"
    with pytest.raises(DataError, match=message):
        ingest(data, test_pattern=str(test), max_rejected_fraction=1)
    write(tmp_path / "test.csv", [(f"held {i}", "") for i in range(9)])
    with pytest.raises(DataError, match="the test files: no label in the first 9 rows"):
        ingest(data, test_pattern=str(test), output=tmp_path / "again")


def test_columns_are_kept_and_their_frequent_values_become_slices(
    ingest, tmp_path, monkeypatch
):
    monkeypatch.setattr(ingestion, "MOST_SLICES", 2)
    rows = [(f"text {i}", "ab"[i % 2], "de", i % 2) for i in range(30)]
    rows += [("english", "a", "en", 7), ("none", "b", "", 8), ("no", "a", "", 1)]
    data = write(tmp_path / "a.csv", rows, ("text", "label", "language", "stars"))
    result = ingest(data, keep_columns=["language", "stars"])
    kept = {example["text"][0]: example for example in result.examples}
    assert kept["text 3"] == {
        "text": ["text 3"],
        "label": ["b"],
        "language": ["de"],
        "stars": ["1"],
        "slices": ["language=de", "stars=1"],
    }
    assert kept["english"]["language"] == ["en"]
    assert "slices" not in kept["english"]  # neither value is frequent
    assert (kept["none"]["language"], kept["none"]["slices"]) == ([""], ["language="])
    assert result.counts["values"] == {"language": 3, "stars": 4}


def test_examples_say_where_their_row_stands_on_request(ingest, tmp_path):
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(30)]
    data = write(tmp_path / "é.csv", rows)
    result = ingest(data, keep_position=True)
    places = {
        example["text"][0]: (example["row_source"], example["row_position"])
        for example in result.examples
    }
    # The header is line 1.
    assert places == {f"text {i}": ([str(data)], [i + 2]) for i in range(30)}
    again = ingest(data, output=tmp_path / "again")
    assert all(set(example) == {"text", "label"} for example in again.examples)
