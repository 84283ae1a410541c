from __future__ import annotations

import hashlib
import json
import os
import re
import time
import urllib.request
from pathlib import Path

import pytest

from tests.beam_runners import CACHE
from tools.runners import flink, flink_jars
from tools.runners.runner import REPOSITORY, Unavailable, build_prism
from tools.runners.services import Services, free_port

_LISTS = REPOSITORY / "requirements" / "runners"


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """Puts a script in the place of Maven."""

    def write(script):
        path = tmp_path / "mvn"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return write


@pytest.mark.parametrize(
    "words", ["Could not find artifact org.apache.beam:beam-runners", "Unknown host x"]
)
def test_a_repository_without_the_job_server_makes_flink_unavailable(
    words, maven, tmp_path
):
    maven(f"echo '[ERROR] {words}'; exit 1")
    with pytest.raises(Unavailable, match="flink-job-server.xml lists, and the rep"):
        flink_jars.from_maven(tmp_path / "cache")


def test_maven_that_fails_otherwise_is_an_error_and_no_excuse(maven, tmp_path):
    maven("echo '[ERROR] the disk is full'; exit 1")
    with pytest.raises(RuntimeError, match="the disk is full"):
        flink_jars.from_maven(tmp_path / "cache")


def test_a_jar_that_is_not_on_the_list_is_not_kept(maven, tmp_path):
    maven(
        'for word in "$@"; do case "$word" in -DoutputDirectory=*) '
        'mkdir -p "${word#*=}"; echo evil > "${word#*=}/guava.jar" ;; esac; done'
    )
    cache = tmp_path / "cache"
    with pytest.raises(RuntimeError, match=r"not as in flink-job.*: .*, guava\.jar, "):
        flink_jars.from_maven(cache)
    assert not list(cache.iterdir())


def test_what_differs_from_a_list_of_hashes_is_named(tmp_path):
    folder = tmp_path / "jars"
    folder.mkdir()
    for name in ("same", "changed", "more"):
        (folder / name).write_text(name)
    listed = tmp_path / "list"
    digest = hashlib.sha256(b"same").hexdigest()
    listed.write_text("".join(f"{digest}  {n}\n" for n in ("same", "changed", "less")))
    with pytest.raises(RuntimeError, match="not as in list: changed, less, more$"):
        flink_jars.check_hashes(folder, listed)
    (folder / "changed").unlink()
    (folder / "more").unlink()
    listed.write_text(f"{digest}  same\n")
    flink_jars.check_hashes(folder, listed)


def test_a_jar_that_was_named_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv(flink_jars.JAR_VARIABLE, str(tmp_path / "server.jar"))
    cluster = tmp_path / f"flink-{flink_jars.NAMED}"
    cluster.mkdir()
    found = flink_jars.jars(tmp_path)
    assert found.job_server == ("-jar", str(tmp_path / "server.jar"))
    assert found.cluster == f"{cluster}/*"


def test_the_job_server_sees_all_jars_and_sends_few_of_them(tmp_path, monkeypatch):
    monkeypatch.delenv(flink_jars.JAR_VARIABLE, raising=False)
    folder = tmp_path / f"flink-{flink_jars.MAVEN}-job-server"
    folder.mkdir()
    names = {line.split()[1] for line in _hash_lines()}
    for name in names:
        (folder / name).touch()
    own, _, sent, _ = flink_jars.jars(tmp_path).job_server
    own = {Path(jar).name for jar in own.partition(":")[2].split(os.pathsep)}
    sent = {Path(jar).name for jar in sent.split(os.pathsep)}
    assert own | sent == names
    assert not own & sent
    assert len(sent) == 5


def _hash_lines():
    return (_LISTS / "flink-job-server.sha256").read_text("utf-8").splitlines()


@pytest.mark.parametrize("prepare", [flink_jars.from_maven, build_prism])
def test_what_a_path_lacks_is_named(prepare, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no `(mvn|go)` on the path"):
        prepare(tmp_path)


def test_flinks_jars_are_of_the_releases_that_the_job_servers_are_for():
    pinned = (_LISTS / "flink.txt").read_text("utf-8")
    assert f"apache-flink-libraries=={flink_jars.NAMED}." in pinned
    pom = (_LISTS / "flink-job-server.xml").read_text("utf-8")
    [version] = re.findall(
        rf"beam-runners-flink-{flink_jars.MAVEN}</artifactId>\s*<version>(.*)</", pom
    )
    names = [line.split()[1] for line in _hash_lines()]
    assert f"beam-runners-flink-{flink_jars.MAVEN}-{version}.jar" in names
    assert any(name.startswith(f"flink-runtime-{flink_jars.MAVEN}.") for name in names)


def _of_maven():
    return flink_jars.jars(CACHE)


def _of_pypi():
    classes = f"{flink_jars.from_pypi(CACHE).resolve()}/*"
    return flink_jars.Jars(flink_jars.NAMED, classes, (), is_on_cluster=False)


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "fetch", [_of_maven, pytest.param(_of_pypi, marks=pytest.mark.long)]
)
def test_a_cluster_starts_with_all_slots_and_notices_a_dead_task_manager(
    fetch, tmp_path
):
    try:
        java, jars = flink.java_program(), fetch()
    except Unavailable as error:
        pytest.skip(str(error))
    port = free_port()
    flink.write_configuration(tmp_path, jars, rest_port=port)
    services = Services(tmp_path)
    services.start(list(flink.cluster(java, jars, tmp_path, rest_port=port)))
    try:
        overview = _overview(port)
        assert overview["flink-version"].startswith(jars.flink)
        assert (overview["taskmanagers"], overview["slots-total"]) == (2, 4)
        assert flink.busy_task_managers(tmp_path) == []
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
