"""What a report shows beside the measures, against counts made by scikit-learn."""

from __future__ import annotations

import collections
import json
import math
import pickle
import random

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from pipeline.evaluation import details as details_module
from pipeline.evaluation.details import Details, read_details
from pipeline.evaluation.facts import Evaluation
from pipeline.evaluation.measures import ClassificationTally
from pipeline.evaluation.multi_label import MultiLabelTally


def _example(text=b"a text", labels=(), source=None, position=None) -> bytes:
    example = tf.train.Example()
    feature = example.features.feature
    feature["text"].bytes_list.value.append(text)
    feature["label"].bytes_list.value.extend(label.encode() for label in labels)
    if source is not None:
        feature["row_source"].bytes_list.value.append(source)
        feature["row_position"].int64_list.value.append(position)
    return example.SerializeToString()


class _Test:
    """Tally and details of the same rows."""

    def __init__(self, num_classes: int, several: bool = False) -> None:
        kind = MultiLabelTally if several else ClassificationTally
        self.tally, self.details = kind(num_classes), Details()

    def add(self, label, probabilities, example=None, **outputs) -> None:
        example = _example(labels=["x"]) if example is None else example
        probabilities = np.asarray(probabilities, np.float32)
        chosen = outputs.get("chosen")
        more = () if chosen is None else ([chosen],)
        self.tally.add([label], [probabilities], *more)
        self.details.add(label, probabilities, lambda: example, **outputs)

    def merge(self, other: _Test) -> None:
        self.tally.merge(other.tally)
        self.details.merge(other.details)

    def written(self) -> bytes:
        return self.details.to_bytes(self.tally)

    def read(self, names=None) -> dict:
        return read_details(self.written(), names)


def _rows(num_rows: int, num_classes: int, seed: int = 0):
    """Labels and probabilities that often fit them; several rows are equally sure."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, num_rows)
    sure = generator.dirichlet(np.ones(num_classes), num_rows)
    sure[np.arange(num_rows), labels] += 0.2
    sure /= sure.sum(axis=1, keepdims=True)
    return labels, sure.round(2).astype(np.float32)


def _test_of(labels, probabilities, places) -> _Test:
    test = _Test(probabilities.shape[1])
    for place in places:
        example = _example(
            f"text {place % 7}".encode(), [f"label {labels[place]}"], b"a.csv", place
        )
        test.add(labels[place], probabilities[place], example, unsure=place % 3 == 0)
    return test


def _facts(read: dict) -> Evaluation:
    """Returns them as they stand in `summary.json`."""
    shown = {k: read[k] for k in ("confused", "bins", "curves", "wrong")}
    more = {"metrics": {}, "baseline": None, "rows": 0, "classes": [], "by_length": {}}
    more |= {"ok": None, "thresholds": [], "failures": [], "notes": []}
    evaluation = Evaluation(**shown, **more, blessed=True)
    return Evaluation.model_validate_json(evaluation.model_dump_json())


def test_pairs_bins_and_wrong_rows_are_those_of_scikit_learn():
    labels, probabilities = _rows(2_000, 5)
    names = [f"label {number}" for number in range(5)]
    read = _test_of(labels, probabilities, range(2_000)).read(names)
    predicted = probabilities.argmax(axis=1)
    matrix = sklearn_metrics.confusion_matrix(labels, predicted)
    pairs = {
        (names.index(one["label"]), names.index(one["predicted"])): one["rows"]
        for one in read["confused"]
    }
    expected = {
        (row, column): matrix[row, column]
        for row, column in np.argwhere(matrix)
        if row != column
    }
    assert pairs == expected
    rows = [one["rows"] for one in read["confused"]]
    assert rows == sorted(rows, reverse=True)
    assert read["predicted"] == matrix.sum(axis=0).tolist()

    confidence, is_hit = probabilities.max(axis=1), predicted == labels
    for number, one in enumerate(read["bins"]):
        inside = (confidence * np.float64(15)).astype(int).clip(0, 14) == number
        assert (one["low"], one["high"]) == (number / 15, (number + 1) / 15)
        assert one["rows"] == inside.sum()
        if inside.any():
            assert one["accuracy"] == is_hit[inside].mean()
            assert one["confidence"] == pytest.approx(confidence[inside].mean())
        else:
            assert one["accuracy"] is one["confidence"] is None

    wrong = np.flatnonzero(predicted != labels)
    surest = sorted(confidence[wrong].tolist(), reverse=True)[:50]
    assert [one["probability"] for one in read["wrong"]] == surest
    for one in read["wrong"]:
        place = one["position"]
        assert one["source"] == "a.csv"
        assert one["text"] == f"text {place % 7}"
        assert one["labels"] == [names[labels[place]]] != one["predicted"]
        assert one["label_probability"] == probabilities[place, labels[place]]
    answered = np.arange(2_000) % 3 != 0
    assert read["answered"] == [answered.sum(), is_hit[answered].sum()]
    assert len(_facts(read).wrong) == 50


def test_parts_merge_to_the_same_in_any_order(monkeypatch):
    monkeypatch.setattr(details_module, "_MOST_PAIRS", 12)  # of 20 that there are
    labels, probabilities = _rows(900, 5)
    labels[::50] = 7  # not known
    whole = _test_of(labels, probabilities, range(900)).written()
    chance = random.Random(0)
    for _ in range(5):
        places = list(range(900))
        chance.shuffle(places)
        cuts = sorted(chance.sample(places, 6))
        parts = [
            pickle.loads(pickle.dumps(_test_of(labels, probabilities, places[a:b])))
            for a, b in zip([0, *cuts], [*cuts, 900], strict=True)
        ]
        while len(parts) > 1:
            chance.shuffle(parts)
            parts[-2].merge(parts[-1])
            parts.pop()
        merged = parts[0].read()
        assert merged == read_details(whole, None)
    counts = collections.Counter(
        (f"label {label}" if label == 7 else str(label), str(predicted))
        for label, predicted in zip(labels, probabilities.argmax(axis=1), strict=True)
        if label != predicted
    )
    shown = {
        (one["label"], one["predicted"]): one["rows"] for one in merged["confused"]
    }
    assert len(shown) == 12
    assert shown.items() <= counts.items()  # those that are left are counted in full


def test_curves_are_those_of_scikit_learn_in_a_hundred_points():
    labels, probabilities = _rows(3_000, 3)
    read = _test_of(labels, probabilities, range(3_000)).read()
    assert len(read["curves"]) == 3
    for number, one in enumerate(read["curves"]):
        number = int(one["name"])
        own, scores = labels == number, probabilities[:, number]
        false, true, _ = sklearn_metrics.roc_curve(own, scores, drop_intermediate=False)
        exact = set(zip(false.round(6).tolist(), true.round(6).tolist(), strict=True))
        assert {tuple(point) for point in one["roc"]} <= exact
        assert one["roc"][0] == [0, 0]
        assert one["roc"][-1] == [1, 1]
        area = sklearn_metrics.auc(*zip(*one["roc"], strict=True))
        assert area == pytest.approx(
            sklearn_metrics.roc_auc_score(own, scores), abs=1e-3
        )
        precision, recall, _ = sklearn_metrics.precision_recall_curve(own, scores)
        exact = set(
            zip(recall.round(6).tolist(), precision.round(6).tolist(), strict=True)
        )
        points = [tuple(point) for point in one["precision_recall"]]
        assert set(points) <= exact
        assert points == sorted(points, key=lambda point: point[0])
        assert points[-1] == (1, pytest.approx(own.mean(), abs=1e-6))
        assert max(len(points), len(one["roc"])) <= 100
        assert min(len(points), len(one["roc"])) > 60


def test_of_many_classes_those_with_most_rows_have_curves():
    generator = np.random.default_rng(0)
    labels = np.minimum(generator.geometric(0.02, 600) - 1, 299)
    probabilities = generator.dirichlet(np.ones(300), 600).astype(np.float32)
    read = _test_of(labels, probabilities, range(600)).read()
    support = collections.Counter(labels.tolist())
    shown = [support[int(one["name"])] for one in read["curves"]]
    assert shown == [rows for _, rows in support.most_common(20)]
    assert len(read["confused"]) == 400
    assert len(_test_of(labels, probabilities, range(600)).written()) < 60_000


def test_a_probability_that_is_no_number_is_neither_wrong_nor_confused():
    test = _Test(2)
    for bad in (math.nan, math.inf, -math.inf):
        test.add(0, [bad, 0.5], unsure=False)
    test.add(0, [0.2, 1.0000001], unsure=False)  # rounded: counts as 1
    read = test.read()
    assert [one["rows"] for one in read["confused"]] == [1]
    assert [one["probability"] for one in read["wrong"]] == [1]
    assert math.isnan(test.details.coverage)
    json.dumps(read, allow_nan=False)


def test_a_label_that_the_model_does_not_know_is_wrong_and_has_its_name():
    test = _Test(2)
    test.add(-1, [0.9, 0.1], _example(labels=["neuland"]), unsure=False)
    test.add(2, [0.4, 0.6], _example(labels=["neuland"]), unsure=True)
    test.add(1, [0.4, 0.6], _example(labels=["b"]), unsure=False)
    read = test.read(["a", "b"])
    assert {(one["label"], one["predicted"]) for one in read["confused"]} == {
        ("neuland", "a"),
        ("neuland", "b"),
    }
    [surest, _] = read["wrong"]
    assert surest["labels"] == ["neuland"]
    assert surest["label_probability"] is None
    assert test.details.coverage == pytest.approx(2 / 3)
    assert read["answered"] == [2, 1]


def test_labels_without_end_are_cut_and_still_found():
    test = _Test(2)
    test.add(0, [0.1, 0.9], _example(labels=["a" * 5000]))
    test.add(2, [0.2, 0.8], _example(labels=["b" * 5000]))
    read = test.read(["a" * 5000, "c"])
    assert [one["labels"] for one in read["wrong"]] == [["a" * 1000], ["b" * 1000]]
    assert read["wrong"][0]["label_probability"] == pytest.approx(0.1)
    shown = {one["label"] for one in read["confused"]}
    assert shown == {"a" * 5000, "b" * 100}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ü€😀a".encode() * 200_000, ("ü€😀a" * 250)),
        (("a" + "😀" * 2000).encode(), "a" + "😀" * 999),
        (b"\xff\xfe\xed\xa0\x80 \x00<b>", "\ufffd" * 5 + " \x00<b>"),
        (b"", ""),
    ],
)
def test_any_bytes_become_a_text_of_at_most_a_thousand_characters(text, shown):
    test = _Test(2)
    test.add(0, [0.1, 0.9], _example(text, ["a"], b"\xff.csv", 3))
    [row] = _facts(test.read(["a", "b"])).wrong
    assert (row.text, row.source, row.position) == (shown, "\ufffd.csv", 3)
    assert len(pickle.dumps(test.details)) < 10_000  # the rest is not kept


def test_examples_of_an_earlier_version_do_not_say_where_their_row_stands():
    test = _Test(2)
    test.add(0, [0.1, 0.9], _example(b"text", ["a"]))
    [row] = test.read(["a", "b"])["wrong"]
    assert (row["source"], row["position"]) == (None, None)
    assert test.read()["answered"] is None
    assert test.details.coverage is None


def test_of_several_labels_the_decision_that_is_most_surely_wrong_counts():
    names = ["a", "b", "c"]
    test = _Test(3, several=True)
    scores, chosen = [0.9, 0.7, 0.2], [True, True, False]
    rows = {
        "right": ([1, 1, 0, 0], ["b", "a"]),
        "b is not true": ([1, 0, 0, 0], ["a"]),
        "c is missing": ([1, 1, 1, 0], ["c", "a", "b"]),
        "both": ([1, 0, 1, 0], ["a", "c"]),
        "not known": ([1, 1, 0, 1], ["new", "a", "b"]),
    }
    for text, (label, labels) in rows.items():
        example = _example(text.encode(), labels)
        test.add(label, scores, example, chosen=chosen, unsure=text == "both")
    nothing = ([0, 0, 0, 1], [0.1, 0.3, 0.2])
    test.add(*nothing, _example(b"none", ["new"]), chosen=[False] * 3, unsure=False)
    read = test.read(names)
    found = {
        one["text"]: (round(one["probability"], 6), one["label_probability"])
        for one in read["wrong"]
    }
    assert list(found) == [
        "none",
        "not known",
        "both",
        "c is missing",
        "b is not true",
    ]
    assert found["b is not true"] == (0.7, pytest.approx(0.9))
    assert found["c is missing"] == (0.8, pytest.approx(0.2))
    assert found["both"] == (0.8, pytest.approx(0.9))
    assert found["not known"] == (0.9, None)
    assert found["none"] == (0.9, None)
    assert read["wrong"][1]["labels"] == ["new", "a", "b"]
    assert read["wrong"][1]["predicted"] == ["a", "b"]
    assert read["confused"] == []
    assert read["answered"] == [5, 1]
    assert sum(one["rows"] for one in read["bins"]) == 18  # decisions
    assert len(_facts(read).wrong) == 5
