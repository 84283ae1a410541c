"""The whole benchmark, on a classifier that costs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks.batch.figures import Results
from benchmarks.batch.report import report
from tests.benchmarks.batch.toy import write_toy_with_examples


@pytest.mark.timeout(1200)  # a dozen processes that import TensorFlow or TFX
def test_all_contenders_classify_all_rows(repository, tmp_path):
    model = write_toy_with_examples(tmp_path / "serving", tmp_path / "toy")
    data = tmp_path / "reviews.csv"
    data.write_text('text\na good film\n"long, dull"\nan old film\n')
    kept, scratch = tmp_path / "results.json", tmp_path / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "batch", "--model", str(model)]
        + ["--data", str(data), "--json", str(kept), "--repeats", "1"]
        + ["--rows", "201", "--small", "150", "--large", "201"],
        cwd=repository,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = Results.from_json(json.loads(kept.read_text()))
    assert done.stdout == report(results)
    measured = [(run.contender, run.whole.rows) for run in results.runs]
    assert measured == [
        ("bare loop", 201),
        ("elmo-tfx predict", 201),
        ("TFX BulkInferrer", 201),
        ("elmo-tfx predict", 150),
        ("predict, 2 threads", 201),
        ("predict, 2 processes", 201),
    ]
    for run in results.runs:
        rows = run.whole.rows
        if run.contender != "TFX BulkInferrer":
            assert run.labels == {"good": rows // 3, "bad": rows - rows // 3}
        assert run.whole.core_seconds > 0.5
        assert run.peak_mib > 100
    assert results.conditions["model_version"] == "3"
    assert list(scratch.iterdir()) == []
