"""Integration test: TFX's own command line runs the pipeline from our runner file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.output_folder import OutputFolder
from tests.pipeline.newest_run import newest_run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture
def tfx(repository, tmp_path, sentences, write_csv):
    """A function that runs `tfx ...`, with a configuration for our runner."""
    config = {
        "output": str(tmp_path / "out"),
        "data": {"pattern": str(write_csv(tmp_path / "texts.csv", sentences))},
        "transform": {"max_tokens": 16},
        "train": {"epochs": 1},
        "evaluation": {"thresholds": {"auc": 0.0}},
    }
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    environment = {
        **os.environ,
        "ELMO_TFX_CONFIG": str(path),
        "LOCAL_HOME": str(tmp_path / "tfx"),
    }

    def run(*args: str, **changes: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [Path(sys.executable).with_name("tfx"), *args],
            cwd=tmp_path,
            env={**environment, **changes},
            capture_output=True,
            text=True,
            timeout=800,
        )

    return run


def test_tfx_creates_the_pipeline_and_runs_it_to_a_pushed_model(
    tfx, repository, tmp_path
):
    runner = repository / "pipeline" / "local_runner.py"
    created = tfx("pipeline", "create", "--engine=local", f"--pipeline_path={runner}")
    assert created.returncode == 0, created.stderr
    assert 'Pipeline "elmo_tfx" created successfully.' in created.stdout
    output = OutputFolder(tmp_path / "out")
    assert newest_run(output.open_metadata()) is None

    ran = tfx("run", "create", "--engine=local", "--pipeline_name=elmo_tfx")
    assert ran.returncode == 0, ran.stderr
    record = newest_run(output.open_metadata())
    assert {node.state for node in record.nodes} == {"done"}
    [version] = (tmp_path / "out" / "serving").iterdir()
    assert (version / "saved_model.pb").is_file()


def test_without_a_configuration_the_runner_says_which_variable_names_it(
    tfx, repository
):
    runner = repository / "pipeline" / "local_runner.py"
    created = tfx(
        "pipeline",
        "create",
        "--engine=local",
        f"--pipeline_path={runner}",
        ELMO_TFX_CONFIG="",
    )
    assert created.returncode != 0
    assert "ELMO_TFX_CONFIG must name a configuration file" in created.stderr
