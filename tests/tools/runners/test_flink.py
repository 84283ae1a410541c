from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path

import pytest

from tests.beam_runners import CACHE
from tools.runners import flink
from tools.runners.runner import (
    REPOSITORY,
    Unavailable,
    beam_version,
    build_prism,
)
from tools.runners.services import Services, free_port


def _program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_repository_without_the_job_server_makes_flink_unavailable(
    tmp_path, monkeypatch
):
    output = "[ERROR] Could not find artifact org.apache.beam:beam-runners"
    _program(tmp_path, "mvn", f"echo '{output}'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(
        Unavailable, match=f"job-server:{beam_version()}, which the rep"
    ):
        flink.job_server(tmp_path / "cache")


def test_maven_that_fails_otherwise_is_an_error_and_no_excuse(tmp_path, monkeypatch):
    _program(tmp_path, "mvn", "echo '[ERROR] the disk is full'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RuntimeError, match="the disk is full"):
        flink.job_server(tmp_path / "cache")


def test_a_jar_that_was_named_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv(flink.JAR_VARIABLE, str(tmp_path / "server.jar"))
    assert flink.job_server(tmp_path / "cache") == tmp_path / "server.jar"


@pytest.mark.parametrize("prepare", [flink.job_server, build_prism])
def test_what_a_path_lacks_is_named(prepare, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no `(mvn|go)` on the path"):
        prepare(tmp_path)


def test_flinks_jars_are_of_the_release_that_the_job_server_is_for():
    pinned = (REPOSITORY / "requirements" / "runners" / "flink.txt").read_text()
    assert f"apache-flink-libraries=={flink.FLINK}." in pinned


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_a_cluster_starts_with_all_slots_and_notices_a_dead_task_manager(tmp_path):
    try:
        java = flink.java_program()
    except Unavailable as error:
        pytest.skip(str(error))
    port = free_port()
    flink.write_configuration(tmp_path, rest_port=port)
    services = Services(tmp_path)
    jars = flink.libraries(CACHE)
    services.start(list(flink.cluster(java, jars, tmp_path, rest_port=port)))
    try:
        overview = _overview(port)
        assert overview["flink-version"].startswith("1.20")
        assert (overview["taskmanagers"], overview["slots-total"]) == (2, 4)
        services.kill(flink.TASK_MANAGERS[0])
        end = time.monotonic() + 60
        while _overview(port)["taskmanagers"] != 1:
            assert time.monotonic() < end, "the cluster still counts it"
            time.sleep(0.5)
    finally:
        services.stop()


def _overview(port):
    with urllib.request.urlopen(f"http://localhost:{port}/overview", timeout=10) as got:
        return json.load(got)
