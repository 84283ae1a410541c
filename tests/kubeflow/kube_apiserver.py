"""A real kube-apiserver with its etcd, where both programs are on the path.

The server is built in some 10 minutes from Go modules: a `main` that runs
`k8s.io/kubernetes/cmd/kube-apiserver/app`, in a module that replaces the `k8s.io/` ones
which Kubernetes takes from its own tree by their releases (v0.36.3 for 1.36.3).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools.runners.services import Service, Services, accepts, free_port

_TOKEN = "of-the-tests"
_GROUPS = {"v1": "api/v1"}
_ENOUGH = 60  # seconds for an answer, as the machine may be busy


@dataclass(frozen=True)
class Answer:
    """What the server says to a request.

    Attributes:
        status: The HTTP status.
        warnings: Its headers of that name.
        message: Why it refuses, or nothing.
    """

    status: int
    warnings: list[str]
    message: str


@dataclass(frozen=True)
class ApiServer:
    """A server that admits whoever has the token to everything."""

    port: int
    certificate: Path

    def create(self, document: dict[str, Any], namespace: str | None = None) -> Answer:
        """Creates what a document describes; fields that it does not know are wrong."""
        group = document["apiVersion"]
        path = _GROUPS.get(group, f"apis/{group}")
        if namespace is not None:
            path += f"/namespaces/{namespace}"
        plural = document["kind"].lower().removesuffix("y") + (
            "ies" if document["kind"].endswith("y") else "s"
        )
        return self._ask("POST", f"{path}/{plural}?fieldValidation=Strict", document)

    def is_ready(self) -> bool:
        """Whether it answers requests."""
        try:
            return self._ask("GET", "readyz").status == 200
        except OSError:
            return False

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {_TOKEN}",
                "Content-Type": "application/json",
            },
        )
        trust = ssl.create_default_context(cafile=str(self.certificate))
        trust.check_hostname = False  # it is made out to another name
        try:
            with urllib.request.urlopen(request, None, _ENOUGH, context=trust) as got:
                return Answer(got.status, got.headers.get_all("Warning") or [], "")
        except urllib.error.HTTPError as error:
            return Answer(error.code, [], error.read().decode())


@contextlib.contextmanager
def started_apiserver(folder: Path) -> Iterator[ApiServer]:
    """Starts etcd and the server, and yields the latter.

    The test is skipped where one of them is not installed.

    Args:
        folder: For its files.
    """
    for program, source in (
        ("etcd", "Debian's etcd-server"),
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver, a Go module"),
    ):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} ({source})")
    folder.mkdir()
    key, tokens, etcd, peers, port = (
        folder / "key.pem",
        folder / "tokens.csv",
        *(free_port() for _ in range(3)),
    )
    subprocess.run(
        ["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True
    )
    tokens.write_text(f"{_TOKEN},admin,admin,system:masters\n")
    client, peer = (f"http://127.0.0.1:{number}" for number in (etcd, peers))
    server = ApiServer(port, folder / "apiserver.crt")
    services = Services(folder)
    try:
        services.start(
            (
                Service(
                    "etcd",
                    ["etcd", f"--data-dir={folder}/etcd"]
                    + [f"--listen-client-urls={client}"]
                    + [f"--advertise-client-urls={client}"]
                    + [f"--listen-peer-urls={peer}"]
                    + [f"--initial-advertise-peer-urls={peer}"]
                    + [f"--initial-cluster=default={peer}"],
                    accepts(etcd),
                ),
                Service(
                    "kube-apiserver",
                    ["kube-apiserver", f"--etcd-servers={client}"]
                    + [f"--secure-port={port}", "--bind-address=127.0.0.1"]
                    + [f"--cert-dir={folder}", f"--token-auth-file={tokens}"]
                    + ["--authorization-mode=RBAC"]
                    + ["--service-cluster-ip-range=10.0.0.0/24"]
                    + ["--service-account-issuer=https://kubernetes.default.svc"]
                    + [f"--service-account-signing-key-file={key}"]
                    + [f"--service-account-key-file={key}"]
                    # Nobody here would create the account that it looks for.
                    + ["--disable-admission-plugins=ServiceAccount"],
                    server.is_ready,
                ),
            )
        )
        yield server
    finally:
        services.stop()
