"""The pages of a run: what they show, and that data cannot become HTML."""

from __future__ import annotations

import re

from elmo_kubeflow.pages import evaluation_page, statistics_page
from pipeline.evaluation.facts import Evaluation

_MEASURES = {"accuracy": 0.5, "auc": None, "macro_f1": 0.25, "calibration_error": 0.1}
_CLASS = {"name": "a", "precision": 1.0, "recall": 0.5, "f1": 0.6, "support": 9}
_EVALUATION = {
    "blessed": False,
    "rows": 1200,
    "failures": ["accuracy 0.5 is too low"],
    "metrics": _MEASURES,
    "baseline": {**_MEASURES, "accuracy": 0.75},
    "classes": [_CLASS],
    "by_length": {"short": {**_MEASURES, "rows": 3}},
    "notes": ["few rows"],
    "ok": False,
    "thresholds": [],
}


def _page_of(facts: dict) -> str:
    return evaluation_page(Evaluation.model_validate(facts))


def _rows(page: str) -> list[list[str]]:
    """Returns the cells of all rows of all tables."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [
        [cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows
    ]


def test_the_page_of_an_evaluation_has_both_models_and_the_reasons():
    page = _page_of(_EVALUATION)
    assert "The model is refused, on 1,200 test rows." in page
    assert "accuracy 0.5 is too low" in page
    assert "few rows" in page
    rows = _rows(page)
    assert ["accuracy", "0.500", "0.750"] in rows
    assert ["auc", "-", "-"] in rows
    assert ["a", "1.000", "0.500", "0.600", "9"] in rows
    assert ["short", "0.500", "-", "0.250", "3"] in rows


def test_a_class_that_is_named_as_a_number_keeps_its_name():
    page = _page_of({**_EVALUATION, "classes": [{**_CLASS, "name": "1.00"}]})
    assert ["1.00", "1.000", "0.500", "0.600", "9"] in _rows(page)


def test_the_first_model_is_compared_with_nothing():
    page = _page_of({**_EVALUATION, "baseline": None})
    assert ["accuracy", "0.500", "-"] in _rows(page)


def test_what_comes_from_data_cannot_be_html():
    page = _page_of(
        {
            **_EVALUATION,
            "classes": [{**_CLASS, "name": "<td>"}],
            "failures": ["<script>"],
            "notes": ["a & b"],
        }
    )
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page
    assert ["&lt;td&gt;", "1.000", "0.500", "0.600", "9"] in _rows(page)


def test_the_page_of_statistics_has_tables_for_each_split(tmp_path):
    import pandas as pd
    import tensorflow_data_validation as tfdv

    frame = pd.DataFrame({"text": ["a film", "a <b>", "c"], "label": ["x", "x", "y"]})
    statistics = tfdv.generate_statistics_from_dataframe(frame).SerializeToString()
    for split in ("train", "eval"):
        folder = tmp_path / f"Split-{split}"
        folder.mkdir()
        (folder / "FeatureStats.pb").write_bytes(statistics)
    page = statistics_page(str(tmp_path))
    assert "<h2>train: 3 examples</h2>" in page
    assert "<h2>eval: 3 examples</h2>" in page
    assert _rows(page).count(["label", "3", "0", "2", "1.000"]) == 2
    assert _rows(page).count(["label", "x", "2"]) == 2
    assert ["text", "a &lt;b&gt;", "1"] in _rows(page)


def test_an_evaluation_of_no_rows_has_a_page_all_the_same():
    page = _page_of({**_EVALUATION, "rows": 0, "classes": [], "by_length": {}})
    assert "The model is refused, on 0 test rows." in page
