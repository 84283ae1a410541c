"""DriftCheck on real examples, with a real Beam job and TFDV's own comparators."""

from __future__ import annotations

import pytest
import tensorflow_data_validation as tfdv

from components.drift_check.executor import NOTHING
from components.drift_check.statistics import DriftCheckError
from tests.components.drift_check.conftest import Check, texts

_NEW_WORDS = [f"neu{number}" for number in range(60)]


def _values(report):
    return {name: each["value"] for name, each in report["distances"].items()}


@pytest.fixture(scope="module")
def equal(tmp_path_factory):
    """Two spans of the same texts, compared."""
    check = Check(tmp_path_factory.mktemp("equal"))
    before, newest = check.spans(texts(200, seed=1), texts(200, seed=1))
    report, anomalies = check.run(newest, [newest, before])
    return check, report, anomalies


def test_equal_spans_have_no_distance(equal):
    _, report, anomalies = equal
    assert anomalies == []
    assert (report["newest"], report["before"]) == (2, [1])
    assert report["examples"] == {"newest": 200, "before": 200}
    assert _values(report) == pytest.approx(
        {"label": 0, "length": 0, "unknown_words": 0, "unknown_characters": 0}, abs=1e-6
    )


def test_the_statistics_of_both_sides_stay_beside_the_report(equal):
    check, _, _ = equal
    statistics = tfdv.load_stats_binary(str(check.folder / "statistics/before-all.pb"))
    features = {each.path.step[0] for each in statistics.datasets[0].features}
    assert features == {"label", "length"}


def test_other_rows_of_one_kind_are_not_drift(check):
    spans = check.spans(*(texts(400, seed=seed) for seed in range(3)))
    report, anomalies = check.run(spans[2], spans)
    assert anomalies == []
    assert report["before"] == [1, 2]
    assert report["examples"] == {"newest": 400, "before": 800}


def test_shifts_above_their_thresholds_are_anomalies_and_all_are_reported(check):
    shifted = texts(400, seed=2, spam=0.9, tokens=(40, 90), words=_NEW_WORDS)
    before, newest = check.spans(texts(400, seed=1), shifted)
    report, anomalies = check.run(newest, [before, newest], label=0.6)
    assert anomalies == ["length", "unknown_words"]
    values = _values(report)
    assert 0.3 < values["label"] < 0.5, "below its threshold"
    assert values["length"] > 0.3
    assert values["unknown_words"] > 0.3
    distances = report["distances"]
    thresholds = [distances[name]["threshold"] for name in ("label", *anomalies)]
    assert thresholds == [0.6, 0.1, 0.1]


def test_words_are_unknown_that_only_held_out_texts_of_the_window_have(check):
    before = {"train": [("a b", "x")], "eval": [("a b c d", "x")], "test": [("a", "x")]}
    now = {"train": [("z z z", "x")], "eval": [("a z", "x")], "test": [("", "x")]}
    old, newest = check.spans(before, now)
    report, _ = check.run(newest, [old])
    words = report["distances"]["unknown_words"]
    assert words["before"] == pytest.approx((2 / 4 + 0) / 2)
    assert words["newest"] == pytest.approx(1 / 2), "no share of a text without tokens"
    assert words["value"] == pytest.approx(1 / 4)


def test_the_first_span_has_nothing_to_be_compared_with(check):
    (newest,) = check.spans(texts(20, seed=1))
    report, anomalies = check.run(newest, [newest])
    assert anomalies == []
    assert report == {
        "newest": 1,
        "before": [],
        "note": NOTHING,
        "examples": {},
        "distances": {},
    }


def test_without_held_out_texts_the_share_of_unknown_words_is_not_measured(check):
    spans = check.spans(*({"train": texts(50, seed=s)["train"]} for s in range(2)))
    report, _ = check.run(spans[1], spans)
    assert report["distances"]["unknown_words"]["value"] is None
    assert report["distances"]["label"]["value"] is not None


def test_examples_without_the_text_are_refused_with_what_they_have(check):
    spans = check.spans(texts(20, seed=1), texts(20, seed=2))
    with pytest.raises(DriftCheckError) as caught:
        check.run(spans[1], spans, text_feature="body")
    message = str(caught.value)
    assert "no feature `body`. Received: `label`, `text`" in message
    assert "hint: text_feature" in message
