"""Faults that TFX has on Kubeflow Pipelines v2, and why the steps here have none.

The list is that of the patches that kfp-operator brings for TFX's own runner:
https://github.com/sky-uk/kfp-operator/pull/1248 and /pull/1286, `_patches.py`.

| patch | fault | here |
|---|---|---|
| 1 to 4 | types of artifacts are lost on their way through KFP | none takes that way |
| 5, 7 | zero-byte "folders" in GCS break KFP's downloads | it has nothing to download |
| 6 | TFX hides its runner from kfp 2 | it is not used |
| 8 | C++ crashes when the interpreter ends, all being written | that end is left out |
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml

from elmo_kubeflow.package import compile_package
from pipeline.config import load_config

_OPTIONS = {
    "kubeflow": {"output": "/data/out", "data.pattern": "/data/{SPAN}/*.csv"},
    "vertex": {"output": "gs://bucket/out", "vertex.metadata_host": "10.0.0.3"},
}


@pytest.fixture(params=sorted(_OPTIONS))
def spec(request, tmp_path):
    """The pipeline that is compiled with every optional node."""
    options = {
        "data.pattern": "gs://bucket/{SPAN}/*.csv",
        "data.window_spans": 2,
        "train.warm_start": True,
        "kubeflow.image": "elmo-tfx:1",
        **_OPTIONS[request.param],
    }
    path = tmp_path / "package.yaml"
    compile_package(load_config(options=options), path, platform=request.param)
    return next(yaml.safe_load_all(path.read_text()))


def test_no_artifact_goes_from_step_to_step_through_kfp(spec):
    """Patches 1 to 5 and 7: what has no type there is not read there."""
    shown = set()
    for name, component in spec["components"].items():
        assert "artifacts" not in component.get("inputDefinitions", {}), name
        if "artifacts" in component.get("outputDefinitions", {}):
            shown.add(component.get("executorLabel"))
    # What KFP's pages show, of these and, as some versions have it, of the group that
    # the condition makes.
    steps = ("statisticsgen", "evaluator", "pusher", "end")
    assert shown - {None} == {f"exec-{step}" for step in steps}
    [inner] = [each["dag"] for each in spec["components"].values() if "dag" in each]
    for dag in (spec["root"]["dag"], inner):
        for name, task in dag["tasks"].items():
            assert "artifacts" not in task.get("inputs", {}), name


def test_no_step_starts_tfxs_runner_or_its_entry_point(spec):
    """Patch 6, and the module that all others change."""
    executors = spec["deploymentSpec"]["executors"].values()
    commands = {tuple(each["container"]["command"]) for each in executors}
    assert commands == {("python", "-m", "elmo_kubeflow.step")}


_CRASHING = """
import atexit, os, signal, sys
if "elmo_kubeflow.step" in sys.orig_argv:
    atexit.register(os.kill, os.getpid(), signal.SIGABRT)
"""


@pytest.mark.parametrize(
    ("args", "code"),
    [(["--help"], 0), (["node", "--executor-input", json.dumps({}), "x", "y"], 2)],
)
def test_a_crash_of_the_interpreters_end_does_not_fail_a_step(
    repository, tmp_path, args, code
):
    """Patch 8: what a step says and its exit code come out all the same."""
    (tmp_path / "sitecustomize.py").write_text(_CRASHING)
    path = [tmp_path, repository, repository / "kubeflow"]
    done = subprocess.run(
        [sys.executable, "-m", "elmo_kubeflow.step", *args],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert "Usage: " in done.stdout + done.stderr
