"""The database of metadata-mysql.yaml, with this machine's MariaDB for the image's.

It is started with the arguments of the manifest, and its database and user are made as
the image makes them. Then the probes are run, and ML Metadata's client logs in.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata import store as metadata_store
from tests.kubeflow import manifests
from tests.kubeflow.mariadb import started_mariadb

pytestmark = pytest.mark.integration

_PASSWORD = "a word/with+signs="
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture(scope="module")
def documents(repository):
    return manifests.read(repository / "kubeflow" / "manifests")


@pytest.fixture(scope="module")
def container(documents):
    [pod] = [pod for pod in manifests.pods(documents) if "metadata" in pod.name]
    [container] = pod.containers()
    return container


@pytest.fixture(scope="module")
def secret(documents):
    [secret] = manifests.of_kind(documents, "Secret").values()
    return {**secret["stringData"], "password": _PASSWORD}


@pytest.fixture(scope="module")
def port(container, secret, tmp_path_factory):
    """Where a server answers that was set up as the image would."""
    folder = tmp_path_factory.mktemp("mariadb")
    arguments = (secret["database"], secret["user"], _PASSWORD, *container["args"])
    with started_mariadb(folder, *arguments) as port:
        yield port


def _probe(container, secret, port, name: str, **changed: str) -> int:
    """Runs a probe as the cluster would, with variables from the Secret."""
    variables = {"PATH": os.environ["PATH"], "MYSQL_TCP_PORT": str(port)}
    for variable in container["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        variables[variable["name"]] = (
            secret[reference["key"]] if reference else variable["value"]
        )
    done = subprocess.run(
        container[name]["exec"]["command"],
        env={**variables, **changed},
        capture_output=True,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("name", _PROBES)
def test_a_probe_passes_on_a_server_that_lets_the_steps_in(
    container, secret, port, name
):
    assert _probe(container, secret, port, name) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"MARIADB_PASSWORD": "wrong"},
        {"MARIADB_DATABASE": "another"},
        {"MYSQL_TCP_PORT": "1"},
    ],
)
def test_a_probe_fails_where_the_steps_could_not_get_in(
    container, secret, port, changed
):
    assert _probe(container, secret, port, "readinessProbe", **changed) != 0


def test_ml_metadata_writes_there_with_what_the_secret_gives(
    secret, port, monkeypatch, tmp_path: Path
):
    values = {**secret, "host": "127.0.0.1", "port": str(port)}
    for key in manifests.SECRET_KEYS:
        monkeypatch.setenv(metadata_store.PREFIX + key.upper(), values[key])
    store = metadata_store.open_store(tmp_path / "not used")
    kind = store.put_context_type(metadata_store_pb2.ContextType(name="run"))
    # Two names that differ in case only are two, as in SQLite.
    runs = [
        metadata_store_pb2.Context(type_id=kind, name=name) for name in ("r1", "R1")
    ]
    numbers = [store.put_contexts([run])[0] for run in runs]
    context = store.get_context_by_type_and_name("run", "R1")
    assert context.id == numbers[1] != numbers[0]
