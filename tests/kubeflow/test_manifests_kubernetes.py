"""kubeflow/manifests against Kubernetes' schemas, in an environment beside ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import yaml

from tests.environments import make_environment
from tests.kubeflow import manifests

pytestmark = pytest.mark.integration

_VERSIONS = ["1.27", "1.37"]
_FOREIGN = {"InferenceService"}  # It has a schema of its own: test_manifests_kserve.py.
_VALIDATE = """
import json, sys
import kubernetes_validate
for document in json.load(sys.stdin):
    try:
        kubernetes_validate.validate(document, sys.argv[1], strict=True)
    except kubernetes_validate.ValidationError as error:
        print(document["kind"], error.message)
"""
Faults = Callable[[Iterable[dict[str, Any]], str], list[str]]


@pytest.fixture(scope="module")
def faults(repository, tmp_path_factory) -> Faults:
    """What the schemas of a version of Kubernetes say against some documents."""
    pinned = repository / "requirements" / "manifests" / "kubernetes.txt"
    python = make_environment(tmp_path_factory.mktemp("kubernetes") / "venv", pinned)

    def validate(documents: Iterable[dict[str, Any]], version: str) -> list[str]:
        done = subprocess.run(
            [python, "-c", _VALIDATE, version],
            input=json.dumps(list(documents)),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    return validate


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "kubeflow" / "manifests"


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_document_follows_the_schema_of_kubernetes(faults, folder, version):
    documents = [d for d in manifests.read(folder) if d["kind"] not in _FOREIGN]
    assert len({document["kind"] for document in documents}) == 8
    assert faults(documents, version) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("volume.yaml", "accessModes:", "accessMode:"),
        ("metadata-mysql.yaml", "replicas: 1", "replicas: one"),
        ("metadata-mysql.yaml", "failureThreshold: 6\n", "failures: 6\n"),
        ("metadata-secret.example.yaml", '"3306"', "3306"),
        ("tf-serving.yaml", "readOnly: true", "readonly: true"),
    ],
)
def test_the_schema_refuses_what_kubernetes_would(faults, folder, name, right, wrong):
    text = (folder / name).read_text("utf-8")
    assert right in text
    documents = list(yaml.safe_load_all(text.replace(right, wrong)))
    assert faults(documents, _VERSIONS[-1])
