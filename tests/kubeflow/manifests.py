"""Reads kubeflow/manifests, and finds what no schema sees: names that must agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.kubeflow import KubeflowConfig
from pipeline.metadata.store import PREFIX
from tests.kubeflow.pod_security import violations

Document = dict[str, Any]

SECRET_KEYS = {"host", "port", "database", "user", "password"}
OUTPUT = "elmo-tfx"
"""The folder of outputs on the volume, in all examples."""


@dataclass(frozen=True)
class Pod:
    """The pods of one document: a pod itself, or what a template makes."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: Document
    serves: bool = True  # and does not only run to its end

    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def ports(self) -> dict[str, int]:
        ports = [port for one in self.containers() for port in one.get("ports", [])]
        return {port["name"]: port["containerPort"] for port in ports}

    def claims(self) -> dict[str, str]:
        """Claims by the names of their volumes."""
        return {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in self.spec.get("volumes", [])
            if "persistentVolumeClaim" in volume
        }


def read(folder: Path) -> list[Document]:
    """All documents of all files."""
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.yaml"))]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def of_kind(documents: list[Document], kind: str) -> dict[str, Document]:
    """The documents of a kind, by name."""
    return {
        document["metadata"]["name"]: document
        for document in documents
        if document["kind"] == kind
    }


def pods(documents: list[Document]) -> list[Pod]:
    templates = []
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = document["spec"]["template"]
        elif document["kind"] == "Pod":
            template = document
        else:
            continue
        about = template["metadata"]
        pod = Pod(
            document["metadata"]["name"],
            about["labels"],
            about.get("annotations", {}),
            template["spec"],
            serves=document["kind"] != "Job",
        )
        templates.append(pod)
    return templates


def faults(documents: list[Document]) -> list[str]:
    """Says what does not fit together; nothing, if all is well."""
    checks = (_volumes, _secret, _selectors, _ports, _serving, _passwords)
    checks += (_rights, _needs)
    return [fault for check in checks for fault in check(documents)]


def _volumes(documents: list[Document]) -> Iterator[str]:
    claims = of_kind(documents, "PersistentVolumeClaim")
    config = KubeflowConfig()
    if config.volume_claim not in claims:
        yield f"no claim {config.volume_claim}, the configuration's default"
    for pod in pods(documents):
        for claim in {*pod.claims().values()} - {*claims}:
            yield f"{pod.name}: no claim {claim}"
        volumes = {volume["name"] for volume in pod.spec.get("volumes", [])}
        for container in pod.containers():
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{pod.name}: no volume {mount['name']}"
                if (
                    pod.claims().get(mount["name"]) == config.volume_claim
                    and mount["mountPath"] != config.mount_path
                ):
                    yield f"{pod.name}: mounts the data at {mount['mountPath']}"


def _secret(documents: list[Document]) -> Iterator[str]:
    name = KubeflowConfig().metadata_secret
    secrets = of_kind(documents, "Secret")
    if name not in secrets:
        yield f"no Secret {name}, the configuration's default"
        return
    values = secrets[name]["stringData"]
    for key in SECRET_KEYS - {*values}:
        yield f"the Secret lacks {key}, which the steps read"
    for pod in pods(documents):
        for container in pod.containers():
            for variable in container.get("env", []):
                asked = variable.get("valueFrom", {}).get("secretKeyRef")
                key = variable["name"].removeprefix(PREFIX).lower()
                if variable["name"].startswith(PREFIX) and asked["key"] != key:
                    yield f"{pod.name}: {variable['name']} is {asked['key']}"
                if asked and (asked["name"] != name or asked["key"] not in values):
                    yield f"{pod.name}: no {asked['key']} in a Secret {asked['name']}"
    services = {
        f"{service}:{port['port']}"
        for service, document in of_kind(documents, "Service").items()
        for port in document["spec"]["ports"]
    }
    if f"{values.get('host')}:{values.get('port')}" not in services:
        yield f"no Service at {values.get('host')}:{values.get('port')}, the Secret's"


def _selectors(documents: list[Document]) -> Iterator[str]:
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "Service":
            wanted = spec["selector"]
        elif document["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"]["matchLabels"]
        elif document["kind"] in ("Deployment", "StatefulSet"):
            wanted = spec["selector"]["matchLabels"]
        else:
            continue
        if len(_selected(documents, wanted)) != 1:
            yield f"{document['kind']} {document['metadata']['name']}: selects not one"
        service = spec.get("serviceName")
        if service and service not in of_kind(documents, "Service"):
            yield f"{document['metadata']['name']}: no Service {service}"


def _ports(documents: list[Document]) -> Iterator[str]:
    for name, service in of_kind(documents, "Service").items():
        for pod in _selected(documents, service["spec"]["selector"]):
            for port in service["spec"]["ports"]:
                if pod.ports().get(port["targetPort"]) != port["port"]:
                    yield f"Service {name}: {port['targetPort']} is not {port['port']}"
    for name, policy in of_kind(documents, "NetworkPolicy").items():
        for pod in _selected(documents, policy["spec"]["podSelector"]["matchLabels"]):
            for rule in policy["spec"]["ingress"]:
                for port in rule["ports"]:
                    if port["port"] not in pod.ports():
                        yield f"NetworkPolicy {name}: no port {port['port']}"
    for pod in pods(documents):
        for container in pod.containers():
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.get(kind, {})
                asked = probe.get("httpGet", probe.get("tcpSocket", {})).get("port")
                if asked and asked not in pod.ports():
                    yield f"{pod.name}: {kind} asks at no port {asked}"


def _serving(documents: list[Document]) -> Iterator[str]:
    config = KubeflowConfig()
    folder = f"{config.mount_path}/{OUTPUT}/serving"
    for pod in pods(documents):
        for container in pod.containers():
            options = dict(
                word.removeprefix("--").split("=", 1)
                for word in container.get("args", [])
                if "=" in word
            )
            words = container.get("args", [])
            if (
                words[:1] == ["rollback"]
                and f"{config.mount_path}/{OUTPUT}" not in words
            ):
                yield f"{pod.name}: rolls back in {words[-1]}"
            if options.get("model_base_path", folder) != folder:
                yield f"{pod.name}: serves {options['model_base_path']}, not {folder}"
            ports = {options.get("port"), options.get("rest_api_port")} - {None}
            if ports - {str(port) for port in pod.ports().values()}:
                yield f"{pod.name}: listens at {sorted(ports)}, which are not its ports"
            probe = container.get("readinessProbe", {}).get("httpGet")
            if probe and f"/{options['model_name']}/" not in probe["path"]:
                yield f"{pod.name}: the probe asks for {probe['path']}"
    for name, service in of_kind(documents, "InferenceService").items():
        uri = service["spec"]["predictor"]["model"]["storageUri"]
        if uri != f"pvc://{config.volume_claim}/{OUTPUT}/serving":
            yield f"InferenceService {name}: serves {uri}"


def _passwords(documents: list[Document]) -> Iterator[str]:
    for name, secret in of_kind(documents, "Secret").items():
        for key, value in {
            **secret.get("stringData", {}),
            **secret.get("data", {}),
        }.items():
            if "password" in key and value:
                yield f"Secret {name}: {key} has a value"
    for pod in pods(documents):
        for container in pod.containers():
            for variable in container.get("env", []):
                if "PASSWORD" in variable["name"] and "value" in variable:
                    yield f"{pod.name}: {variable['name']} has a value"
            words = [*container.get("command", []), *container.get("args", [])]
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                words += container.get(kind, {}).get("exec", {}).get("command", [])
            if any("--password" in word or " -p" in word for word in words):
                yield f"{pod.name}: a password among the arguments"


def _rights(documents: list[Document]) -> Iterator[str]:
    for pod in [*pods(documents), *_predictors(documents)]:
        for fault in violations(pod.spec, pod.annotations):
            yield f"{pod.name}: {fault}"
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.name} gets a token of the cluster's"


def _needs(documents: list[Document]) -> Iterator[str]:
    for pod in [*pods(documents), *_predictors(documents)]:
        for container in pod.containers():
            place = f"{pod.name}: {container['name']}"
            resources = container.get("resources", {})
            if "memory" not in resources.get("limits", {}):
                yield f"{place} has no bound of memory"
            if {"cpu", "memory"} - {*resources.get("requests", {})}:
                yield f"{place} does not say what it needs"
            _, _, tag = container.get("image", "of:kserve").partition(":")
            if tag in ("", "latest"):
                yield f"{place} has no version: {container['image']}"
            if pod.serves and "readinessProbe" not in container:
                yield f"{place} is ready whatever it does"
            if container.get("ports") and "livenessProbe" not in container:
                yield f"{place} is never started again"
    policies = of_kind(documents, "NetworkPolicy").values()
    guarded = [policy["spec"]["podSelector"]["matchLabels"] for policy in policies]
    for name, service in of_kind(documents, "Service").items():
        if service["spec"]["selector"] not in guarded:
            yield f"Service {name}: reached from anywhere"


def _predictors(documents: list[Document]) -> Iterator[Pod]:
    """What KServe makes pods of; it adds an image, ports and probes."""
    for name, service in of_kind(documents, "InferenceService").items():
        spec = service["spec"]["predictor"]
        containers = [{"name": "model", **spec["model"]}]
        yield Pod(name, {}, {}, {**spec, "containers": containers}, serves=False)


def _selected(documents: list[Document], wanted: dict[str, str]) -> list[Pod]:
    return [pod for pod in pods(documents) if wanted.items() <= pod.labels.items()]
