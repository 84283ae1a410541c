"""Connects to a Kubeflow Pipelines server."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from elmo_kubeflow.errors import BadCredentials, Unreachable, require
from elmo_kubeflow.server.credentials import Credentials
from pipeline.errors import UserError

HOST_VARIABLE = "KF_PIPELINES_ENDPOINT"
"""Where kfp looks for the server's address."""


def connect(host: str | None, credentials: Credentials) -> Any:
    """Returns a `kfp.Client` whose server has answered.

    `~/.config/kfp/context.json` holds for it as for kfp: a namespace, and a cookie.

    Args:
        host: Address of the server, from `http://` or `https://` on; None: what
            `KF_PIPELINES_ENDPOINT` says, or else the cluster that this runs in or
            kubectl talks to.
        credentials: The login.

    Raises:
        NotInstalled: kfp is absent.
        UserError: The address does not start with `http://` or `https://`.
        BadCredentials: Google's Identity-Aware Proxy returns no token.
        Unreachable: There is no address, or nothing answers there in a few seconds.
        Refused: The server wants a login, or denies access.
    """
    require("kfp")
    host = host or os.environ.get(HOST_VARIABLE)
    _check_address(host)

    from google.auth.exceptions import GoogleAuthError
    from kfp.client import ServiceAccountTokenVolumeCredentials

    from elmo_kubeflow.server.transport import PromptClient

    token_file = credentials.token_file
    # kfp prints on stdout what it thinks of kubectl's configuration, and warns that it
    # needs a server of version 2.
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore", FutureWarning)
        try:
            client = PromptClient(
                host,
                client_id=credentials.client_id,
                other_client_id=credentials.other_client_id,
                other_client_secret=_revealed(credentials.other_client_secret),
                existing_token=_revealed(credentials.token),
                cookies=_revealed(credentials.cookies),
                ssl_ca_cert=credentials.ssl_ca_cert and str(credentials.ssl_ca_cert),
                credentials=token_file
                and ServiceAccountTokenVolumeCredentials(str(token_file)),
            )
        except GoogleAuthError as error:
            raise BadCredentials(
                f"client_id: Google returns no token: {type(error).__name__} "
                "(hint: gcloud auth application-default login)"
            ) from error
    client.get_kfp_healthz()
    return client


def by_name(name: str) -> str:
    """Returns the filter with which a list call finds what has this display name."""
    equals = 1  # in KFP's protobuf
    predicate = {"operation": equals, "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


def _check_address(host: str | None) -> None:
    if host is not None:
        if not host.startswith(("http://", "https://")):
            raise UserError(
                "the address of Kubeflow Pipelines must start with http:// or "
                f"https://. Received: {host}"
            )
        if not _is_address(host):
            raise UserError(
                "the address of Kubeflow Pipelines has no name, a port that is none, "
                f"or characters that no address has. Received: {host}"
            )
        return
    # kfp would go on to localhost, where something else may answer.
    kubeconfig = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    files = [Path(part) for part in kubeconfig.split(os.pathsep)]
    if "KUBERNETES_SERVICE_HOST" not in os.environ and not any(map(Path.exists, files)):
        raise Unreachable(
            "there is no address of Kubeflow Pipelines "
            f"(hint: --host https://…, or {HOST_VARIABLE})"
        )


def _is_address(host: str) -> bool:
    try:
        parts = urlsplit(host)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_clean = host.isprintable() and not any(map(str.isspace, host))
    return is_port and is_clean and bool(parts.hostname)


def _revealed(secret: Any) -> str | None:
    return None if secret is None else secret.get_secret_value()
