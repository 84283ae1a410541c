from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.runners import flink
from tools.runners.runner import (
    REPOSITORY,
    Unavailable,
    beam_version,
    build_prism,
)


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
