"""The InferenceService, by the models that KServe generates from its own API.

They come from PyPI's package of KServe, as a file: nothing of it is installed or run.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.beam_runners import CACHE

pytestmark = pytest.mark.integration

_MODELS = "kserve/models/"
_PLAIN = {"str": str, "int": int, "bool": bool}


class Models:
    """The fields of KServe's kinds: names as in YAML, and the types of values."""

    def __init__(self, wheel: Path) -> None:
        self._wheel = zipfile.ZipFile(wheel)
        self._files = {
            name.removeprefix(_MODELS).removesuffix(".py").replace("_", ""): name
            for name in self._wheel.namelist()
            if name.startswith(_MODELS)
        }

    def faults(self, value: Any, kind: str, place: str) -> list[str]:
        """Says which fields are unknown or have values of another type."""
        listed = re.fullmatch(r"list\[(.*)\]", kind)
        if listed:
            return [
                fault
                for number, one in enumerate(value)
                for fault in self.faults(one, listed[1], f"{place}[{number}]")
            ]
        if kind in _PLAIN:
            right = isinstance(value, _PLAIN[kind])
            return [] if right else [f"{place} is not {kind}: {value!r}"]
        if kind.lower() not in self._files:
            return []  # One of Kubernetes itself, such as V1ObjectMeta.
        fields = self._fields(kind)
        return [
            fault
            for name, inner in value.items()
            for fault in (
                self.faults(inner, fields[name], f"{place}.{name}")
                if name in fields
                else [f"no field {place}.{name}"]
            )
        ]

    def _fields(self, kind: str) -> dict[str, str]:
        tree = ast.parse(self._wheel.read(self._files[kind.lower()]))
        [model] = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        assigned = {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in model.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Dict)
            and isinstance(statement.targets[0], ast.Name)
        }
        types, names = assigned["openapi_types"], assigned["attribute_map"]
        return {names[field]: types[field] for field in types}


@pytest.fixture(scope="module")
def models(repository) -> Models:
    listed = repository / "requirements" / "manifests" / "kserve.txt"
    [version] = re.findall(r"^kserve==([\d.]+)", listed.read_text("utf-8"), re.M)
    wheel = CACHE.resolve() / f"kserve-{version}-py3-none-any.whl"
    if not wheel.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--requirement", str(listed)]
        done = subprocess.run(
            [*command, "--dest", str(wheel.parent)],
            capture_output=True,
            text=True,
            check=False,
        )
        if "Temporary failure in name resolution" in done.stderr:
            pytest.skip("KServe's models come from PyPI, and there is no network")
        assert done.returncode == 0, done.stderr
    return Models(wheel)


@pytest.fixture
def service(repository):
    path = repository / "kubeflow" / "manifests" / "inference-service.yaml"
    return yaml.safe_load(path.read_text("utf-8"))


def _faults(models, service):
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    return models.faults(service, f"V1beta1{service['kind']}", "service")


def test_the_service_has_no_field_that_kserve_does_not_know(models, service):
    assert _faults(models, service) == []


@pytest.mark.parametrize(
    ("of", "name", "value", "fault"),
    [
        ("predictor", "minReplica", 1, "no field service.spec.predictor.minReplica"),
        (
            "predictor",
            "minReplicas",
            "1",
            "service.spec.predictor.minReplicas is not int",
        ),
        (
            "model",
            "storageURI",
            "pvc://a/b",
            "no field service.spec.predictor.model.st",
        ),
        ("model", "runtimeVersion", 2.19, "runtimeVersion is not str: 2.19"),
        ("modelFormat", "version", 2, "model.modelFormat.version is not str: 2"),
    ],
)
def test_a_field_that_kserve_would_refuse_is_found(
    models, service, of, name, value, fault
):
    predictor = service["spec"]["predictor"]
    parts = {"predictor": predictor, "model": predictor["model"]}
    parts["modelFormat"] = predictor["model"]["modelFormat"]
    parts[of][name] = value
    [message] = _faults(models, service)
    assert fault in message
