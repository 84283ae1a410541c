"""kubeflow/manifests in a namespace of a real kube-apiserver that is `restricted`."""

from __future__ import annotations

import copy

import pytest

from tests.kubeflow import manifests
from tests.kubeflow.kube_apiserver import started_apiserver

pytestmark = pytest.mark.integration

_NAMESPACE = "team"
_FOREIGN = {"InferenceService"}  # which KServe's own definition would make known
_STANDARD = "pod-security.kubernetes.io"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with started_apiserver(tmp_path_factory.mktemp("kubernetes") / "server") as started:
        labels = {f"{_STANDARD}/{mode}": "restricted" for mode in ("enforce", "warn")}
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": _NAMESPACE, "labels": labels},
        }
        assert started.create(namespace).status == 201
        yield started


@pytest.fixture(scope="module")
def documents(repository):
    return manifests.read(repository / "kubeflow" / "manifests")


def test_a_restricted_namespace_takes_every_document_without_a_warning(
    server, documents
):
    ours = [each for each in documents if each["kind"] not in _FOREIGN]
    assert len(ours) == 11
    for document in ours:
        answer = server.create(document, _NAMESPACE)
        name = f"{document['kind']} {document['metadata']['name']}"
        assert (answer.status, answer.warnings) == (201, []), (name, answer.message)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Pod", 403),
        ("Deployment", 201),  # its pods would be refused later; there is a warning
    ],
)
def test_what_runs_as_root_is_refused_or_warned_of(server, documents, kind, status):
    [found, *_] = [copy.deepcopy(each) for each in documents if each["kind"] == kind]
    found["metadata"]["name"] = "root"
    spec = found["spec"] if kind == "Pod" else found["spec"]["template"]["spec"]
    spec["securityContext"] |= {"runAsUser": 0, "runAsNonRoot": False}
    answer = server.create(found, _NAMESPACE)
    assert answer.status == status
    said = answer.message or " ".join(answer.warnings)
    assert "runAsNonRoot != true" in said
