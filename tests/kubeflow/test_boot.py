"""Beam's boot program, which starts the workers in the image, on this machine.

It is the entry point of kubeflow/Dockerfile. Here it finds this environment in place of
the image's, and the variables that the image sets.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.beam_runners import CACHE
from tests.kubeflow.dockerfile import read_stages
from tests.pipeline.batch.toy_classifier import write_toy
from tools.runners.runner import beam_version, job_service
from tools.runners.services import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

_PACKAGE = "github.com/apache/beam/sdks/v2/python/container"


@pytest.fixture(scope="module")
def boot() -> Path:
    """The program of the Beam that is installed, built from its Go module."""
    folder = CACHE.resolve() / f"boot-{beam_version()}"
    program = folder / "container"
    if not program.exists():
        go = shutil.which("go")
        if go is None:
            pytest.skip("boot is built with Go, and there is no `go` on the path")
        subprocess.run(
            [go, "install", f"{_PACKAGE}@v{beam_version()}"],
            env={**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"},
            check=True,
        )
    return program


@pytest.fixture(scope="module")
def variables(repository):
    """What the worker image sets."""
    text = (repository / "kubeflow" / "Dockerfile").read_text("utf-8")
    worker = read_stages(text)["worker"]
    return dict(line.split("=", 1) for line in worker.all("ENV"))


@pytest.fixture
def portable(boot, variables, tmp_path):
    """Beam's job service with a pool whose workers boot starts, as in the image."""
    folder = tmp_path / "runner"
    folder.mkdir()
    # Left alone, boot puts what it is sent into a folder of /tmp that all jobs share.
    start = folder / "start"
    start.write_text(f'#!/bin/sh\nexec "{boot}" "$@" --semi_persist_dir="{folder}"\n')
    start.chmod(0o755)
    runner = job_service(folder, cache=CACHE)
    service, pool = runner.services
    pool = dataclasses.replace(
        pool,
        command=[*pool.command, f"--container_executable={start}"],
        environment={**pool.environment, **variables},
    )
    services = Services(folder)
    services.start((service, pool))
    yield runner.options
    services.stop()


def _predict(repository, output, model, texts, *options):
    arguments = (
        "--input",
        texts,
        "--model",
        model,
        "--format",
        "csv",
        "--output",
        output,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "predict"]
        + [str(word) for word in (*arguments, "--", *options)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,  # A job whose workers do not start waits for them.
    )
    assert done.returncode == 0, done.stderr
    [part] = output.glob("part-*.csv")
    return part.read_bytes()


def test_workers_that_boot_starts_give_the_same_bytes_as_the_local_runner(
    repository, portable, tmp_path
):
    model = write_toy(tmp_path / "serving" / "1")
    texts = tmp_path / "texts.csv"
    lines = [f"{n},good number {n}" for n in range(300)]
    texts.write_text("\n".join(["id,text", *lines]) + "\n")
    local = _predict(repository, tmp_path / "local", model, texts)
    assert local.count(b"\n") == 301
    booted = _predict(repository, tmp_path / "booted", model, texts, *portable)
    assert booted == local
    # boot has fetched what the job brought along.
    assert list((tmp_path / "runner" / "staged").iterdir())
