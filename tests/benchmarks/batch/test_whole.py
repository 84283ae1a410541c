"""The whole benchmark, on a classifier that costs nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from benchmarks.batch.contenders import CONTENDERS, PREDICT
from benchmarks.batch.figures import Cost, Results, Run
from benchmarks.batch.report import report
from benchmarks.session import Session
from tests.benchmarks.batch.toy import write_toy_with_examples

_ROWS = 201
_SIZES = {"small": _ROWS, "rows": _ROWS, "large": _ROWS}


class _Interrupted(Exception):
    pass


def _leave_start_ups(model, data):
    """Leaves what an interrupted run has measured: all start-ups but predict's."""
    settings = {"model": model, "data": data, "sizes": _SIZES, "repeats": 1}
    cost = Cost(rows=100, wall_seconds=0.01, core_seconds=0.01)
    with pytest.raises(_Interrupted), Session("batch", settings) as session:
        for name, contender in CONTENDERS.items():
            if name != PREDICT and not contender.measures_itself:
                run = Run(contender=name, whole=cost, start_up=None, peak_mib=1.0)
                kept = dataclasses.asdict(run)
                session.measure(f"{name}, 100, pass 0", lambda kept=kept: kept)
        raise _Interrupted


@pytest.mark.integration
@pytest.mark.timeout(900)  # seven processes that import TensorFlow or TFX
def test_all_contenders_classify_all_rows(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = write_toy_with_examples(tmp_path / "serving", tmp_path / "toy")
    data = tmp_path / "reviews.csv"
    data.write_text('text\na good film\n"long, dull"\nan old film\n')
    results_path, scratch = tmp_path / "results.json", tmp_path / "scratch"
    scratch.mkdir()
    _leave_start_ups(model, data)
    path = os.pathsep.join([str(repository), str(repository / "kubeflow")])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "batch", "--model", str(model)]
        + ["--data", str(data), "--json", str(results_path), "--repeats", "1"]
        + [f"--{size}={_ROWS}" for size in _SIZES],
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    raw = json.loads(results_path.read_text())
    assert done.stdout == report(raw)
    results = Results(**raw)
    assert [run.contender for run in results.runs] == [
        "bare loop",
        "elmo-tfx predict",
        "TFX BulkInferrer",
        "predict, 2 threads",
        "predict, 2 processes",
    ]
    for run in results.runs:
        assert run.whole.rows == _ROWS
        if run.contender != "TFX BulkInferrer":
            assert run.labels == {"good": _ROWS // 3, "bad": _ROWS - _ROWS // 3}
        assert run.whole.core_seconds > 0.5
        assert run.peak_mib > 100
    assert results.conditions["model_version"] == "3"
    assert results.conditions["kept"] == 3
    assert list(scratch.iterdir()) == []
    assert list((tmp_path / ".bench").iterdir()) == []
