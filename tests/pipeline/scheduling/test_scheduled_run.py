"""Tests of pipeline.scheduling.scheduled_run: what its process leaves."""

from __future__ import annotations

import json
import subprocess
import sys

from pipeline.config import load_config


def test_a_run_that_cannot_begin_leaves_its_reason(repository, tmp_path):
    config = load_config(
        options={
            "data.pattern": str(tmp_path / "none.csv"),
            "output": str(tmp_path / "out"),
        },
        overrides=["train.learning_rate=0.00001"],
    )
    config_path, outcome = tmp_path / "config.json", tmp_path / "outcome.json"
    config_path.write_text(config.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.scheduling.scheduled_run"]
        + [config_path, outcome],
        cwd=repository,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    left = json.loads(outcome.read_text())
    assert left["outcome"] == "failed"
    assert "none.csv" in left["reason"]
    assert left["component"] is None
