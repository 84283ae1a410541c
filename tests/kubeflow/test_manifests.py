"""kubeflow/manifests: what the files say of each other."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.kubeflow import manifests
from tests.kubeflow.dockerfile import last, read_stages
from tests.kubeflow.pod_security import violations

# Each: a file, a text in it, its replacement, and the fault that is reported then.
_BROKEN = {
    "claim": ("volume.yaml", "name: elmo-tfx", "name: other", "no claim elmo-tfx,"),
    "claim of a pod": (
        "loader.yaml",
        "claimName: elmo-tfx",
        "claimName: x",
        "no claim x",
    ),
    "place": ("loader.yaml", "mountPath: /data", "mountPath: /d", "the data at /d"),
    "volume": (
        "tf-serving.yaml",
        "- name: data\n              mountPath",
        "- name: d\n              mountPath",
        "no volume d",
    ),
    "secret": (
        "metadata-secret.example.yaml",
        "name: elmo-tfx-metadata",
        "name: other",
        "no Secret elmo-tfx-metadata",
    ),
    "key": ("metadata-secret.example.yaml", "  user:", "  login:", "lacks user"),
    "key of a pod": ("metadata-mysql.yaml", "key: user}", "key: login}", "no login in"),
    "host": (
        "metadata-secret.example.yaml",
        "host: elmo",
        "host: x",
        "no Service at x",
    ),
    "port of the secret": (
        "metadata-secret.example.yaml",
        '"3306"',
        '"3307"',
        "no Service at elmo-tfx-metadata:3307",
    ),
    "selector": (
        "tf-serving.yaml",
        "  selector:\n    app.kubernetes.io/name: elmo-tfx-serving",
        "  selector:\n    app.kubernetes.io/name: elmo-tfx",
        "Service elmo-tfx-serving: selects not one",
    ),
    "two pods": (
        "loader.yaml",
        "name: elmo-tfx-loader\n    #",
        "name: elmo-tfx-serving\n    #",
        "selects not one",
    ),
    "service of the set": (
        "metadata-mysql.yaml",
        "serviceName: e",
        "serviceName: x",
        "no Service x",
    ),
    "port": (
        "metadata-mysql.yaml",
        "containerPort: 3306",
        "containerPort: 3307",
        "mysql is not",
    ),
    "name of a port": (
        "metadata-mysql.yaml",
        "- port: mysql",
        "- port: sql",
        "no port sql",
    ),
    "port of a probe": (
        "tf-serving.yaml",
        "port: rest\n            p",
        "port: web\n            p",
        "no port web",
    ),
    "served folder": (
        "tf-serving.yaml",
        "elmo-tfx/serving\n",
        "elmo/serving\n",
        "serves /data/elmo/",
    ),
    "server's port": ("tf-serving.yaml", "--port=8500", "--port=9000", "not its ports"),
    "model": (
        "tf-serving.yaml",
        "model_name=classifier",
        "model_name=m",
        "the probe asks",
    ),
    "folder to roll back": (
        "rollback.yaml",
        "/data/elmo-tfx]",
        "/data/out]",
        "rolls back in /data/out",
    ),
    "variable": ("rollback.yaml", "key: user}", "key: host}", "USER is host"),
    "uri": (
        "inference-service.yaml",
        "pvc://elmo-tfx/",
        "pvc://elmo/",
        "serves pvc://elmo/",
    ),
    "password": (
        "metadata-secret.example.yaml",
        'root-password: ""',
        "root-password: x",
        "has a value",
    ),
    "password of a pod": (
        "metadata-mysql.yaml",
        "name: MARIADB_ROOT_HOST",
        "name: MARIADB_ROOT_PASSWORD",
        "MARIADB_ROOT_PASSWORD has a value",
    ),
    "password of a probe": (
        "metadata-mysql.yaml",
        "--connect-timeout=4",
        "--password=x",
        "among the arguments",
    ),
    "root": ("tf-serving.yaml", "runAsUser: 10001", "runAsUser: 0", "is root"),
    "rights": (
        "tf-serving.yaml",
        "Escalation: false",
        "Escalation: true",
        "may gain rights",
    ),
    "capabilities": (
        "metadata-mysql.yaml",
        "drop: [ALL]",
        "add: [CHOWN]",
        "keeps capabilities",
    ),
    "memory": (
        "tf-serving.yaml",
        "limits: {memory: 4Gi}",
        "limits: {cpu: 4}",
        "no bound of memory",
    ),
    "no request": ("rollback.yaml", "{cpu: 500m, ", "{", "what it needs"),
    "profile": (
        "inference-service.yaml",
        "type: RuntimeDefault",
        "type: Unconfined",
        "elmo-tfx: model has no profile of system calls",
    ),
    "probe": (
        "loader.yaml",
        "readinessProbe",
        "startupProbe",
        "is ready whatever it does",
    ),
    "liveness": (
        "tf-serving.yaml",
        "livenessProbe",
        "otherProbe",
        "is never started again",
    ),
    "policy": (
        "tf-serving.yaml",
        "  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: elmo-tfx-s",
        "  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: elmo-tfx-l",
        "Service elmo-tfx-serving: reached from anywhere",
    ),
    "version": ("metadata-mysql.yaml", "mariadb:10.11", "mariadb", "has no version"),
    "token": (
        "loader.yaml",
        "ServiceAccountToken: false",
        "ServiceAccountToken: true",
        "gets a token",
    ),
}


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "kubeflow" / "manifests"


@pytest.fixture(scope="module")
def documents(folder):
    return manifests.read(folder)


@pytest.fixture(scope="module")
def stages(repository):
    return read_stages((repository / "kubeflow" / "Dockerfile").read_text("utf-8"))


def test_the_files_fit_each_other_and_the_configuration(documents):
    assert manifests.faults(documents) == []


@pytest.mark.parametrize("fault", _BROKEN)
def test_a_file_that_does_not_fit_is_found(folder, tmp_path, fault):
    name, text, replacement, message = _BROKEN[fault]
    copy = tmp_path / "manifests"
    shutil.copytree(folder, copy)
    content = (copy / name).read_text("utf-8")
    assert text in content
    (copy / name).write_text(content.replace(text, replacement))
    assert any(message in line for line in manifests.faults(manifests.read(copy)))


def test_pods_on_the_volume_are_the_user_of_the_image_on_its_debian(documents, stages):
    user = last(stages, "pipeline", "USER")
    by_name = {pod.name: pod for pod in manifests.pods(documents)}
    loader = by_name["elmo-tfx-loader"]
    for name in ("elmo-tfx-serving", "elmo-tfx-rollback"):
        assert str(by_name[name].spec["securityContext"]["runAsUser"]) == user
    rights = loader.spec["securityContext"]
    assert {str(rights[key]) for key in ("runAsUser", "runAsGroup", "fsGroup")} == {
        user
    }
    [waits] = loader.containers()
    assert waits["image"] == stages["base"].base


def test_models_are_served_by_the_release_that_the_image_has_a_client_of(
    documents, repository
):
    text = (repository / "requirements" / "tfx-1.21.txt").read_text("utf-8")
    [client] = re.findall(r"^tensorflow-serving-api==([\d.]+)", text, re.MULTILINE)
    [serving] = [
        container["image"]
        for pod in manifests.pods(documents)
        for container in pod.containers()
        if container["image"].startswith("tensorflow/")
    ]
    assert serving == f"tensorflow/serving:{client}"
    [service] = manifests.of_kind(documents, "InferenceService").values()
    assert service["spec"]["predictor"]["model"]["runtimeVersion"] == client


_REFUSED = {
    "hostNetwork is set": {"hostNetwork": True},
    "is of kind hostPath": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "it sets kernel.msgmax": {
        "securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}
    },
    "one is privileged": {"privileged": True},
    "adds capabilities: ['CHOWN']": {
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}
    },
    "one keeps capabilities": {"capabilities": {"drop": ["CHOWN"]}},
    "one is root": {"runAsUser": 0},
    "one sees all of /proc": {"procMount": "Unmasked"},
    "one sets SELinux": {"seLinuxOptions": {"type": "spc_t"}},
    "not confined by AppArmor": {"appArmorProfile": {"type": "Unconfined"}},
    "takes a port of the host": {"ports": [{"containerPort": 1, "hostPort": 1}]},
}


@pytest.mark.parametrize("message", _REFUSED)
def test_what_restricted_forbids_is_found(message):
    wrong = _REFUSED[message]
    container = {
        "name": "one",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {"containers": [container], "volumes": [{"name": "v", "emptyDir": {}}]}
    assert violations(pod, {}) == []
    of_pod = {"hostNetwork", "volumes", "securityContext"}
    if "ports" in wrong:
        container |= wrong
    elif wrong.keys() & of_pod:
        pod |= wrong
    else:
        container["securityContext"] |= wrong
    [found] = violations(pod, {})
    assert message in found
