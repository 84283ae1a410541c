"""The page of a run's statistics; that of its evaluation is `pipeline.report`'s."""

from __future__ import annotations

import re

import pandas as pd
import tensorflow_data_validation as tfdv

from elmo_kubeflow.step_outputs import page_of_statistics


def _rows(page: str) -> list[list[str]]:
    """Returns the cells of all rows of all tables, without their markup."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows
    ]


def test_the_page_of_statistics_has_tables_for_each_split(tmp_path):
    frame = pd.DataFrame({"text": ["a film", "a <b>", "c"], "label": ["x", "x", "y"]})
    statistics = tfdv.generate_statistics_from_dataframe(frame).SerializeToString()
    for split in ("train", "eval"):
        folder = tmp_path / f"Split-{split}"
        folder.mkdir()
        (folder / "FeatureStats.pb").write_bytes(statistics)
    page = page_of_statistics(str(tmp_path))
    assert "<h3>train: 3 examples</h3>" in page
    assert "<h3>eval: 3 examples</h3>" in page
    assert _rows(page).count(["label", "3", "0", "2", "1.000"]) == 2
    assert _rows(page).count(["label", "x", "2", ""]) == 2
    assert ["text", "a &lt;b&gt;", "1", ""] in _rows(page)
