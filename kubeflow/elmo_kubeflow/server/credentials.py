"""The login to Kubeflow Pipelines: from a file or the environment, never arguments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from elmo_kubeflow.errors import BadCredentials
from pipeline.config.yaml_text import MOST_BYTES, load_yaml
from pipeline.files import FileTooLarge, read_bounded

# Where a name is kfp's own, so that what is set for kfp holds here as well.
VARIABLES = {
    "token": "KFP_TOKEN",
    "token_file": "KF_PIPELINES_SA_TOKEN_PATH",
    "cookies": "KFP_COOKIES",
    "client_id": "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID",
    "other_client_id": "KF_PIPELINES_APP_OAUTH2_CLIENT_ID",
    "other_client_secret": "KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET",
    "ssl_ca_cert": "KFP_CA_CERT",
}
"""Option of the file -> variable of the environment that stands in for it."""

# kfp would take one of them and ignore the others without a word.
_EXCLUSIVE = ("token", "token_file", "client_id")


class Credentials(BaseModel):
    """How to log in; all of it may be absent, as on a cluster without users.

    The names are those of `kfp.Client`.

    Args:
        token: A bearer token.
        token_file: A file with such a token; it is read again for every request, as
            the tokens of service accounts change every hour.
        cookies: The cookie header of a session behind Dex: `authservice_session=…`.
        client_id: OAuth client of Google's Identity-Aware Proxy.
        other_client_id: OAuth client of a desktop application, for the same.
        other_client_secret: Its secret.
        ssl_ca_cert: A file with the certificate of the server, or of its CA.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr | None = None
    token_file: Path | None = None
    cookies: SecretStr | None = None
    client_id: str | None = None
    other_client_id: str | None = None
    other_client_secret: SecretStr | None = None
    ssl_ca_cert: Path | None = None


def read_credentials(path: Path | None, environ: Mapping[str, str]) -> Credentials:
    """Reads the login; an option of the file wins over its variable.

    Args:
        path: A YAML or JSON file with the options of `Credentials`, or None.
        environ: The variables of the environment.

    Raises:
        BadCredentials: A file cannot be read, has an unknown option, or has two of
            `token`, `token_file` and `client_id`. No message quotes a value.
    """
    options: dict[str, Any] = {
        option: environ[variable]
        for option, variable in VARIABLES.items()
        if environ.get(variable)
    }
    if path is not None:
        from_file = _read(path)
        if from_file.keys() & set(_EXCLUSIVE):
            options = {k: v for k, v in options.items() if k not in _EXCLUSIVE}
        options.update(from_file)
    try:
        credentials = Credentials.model_validate(options)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        option = ".".join(map(str, detail["loc"]))
        raise BadCredentials(
            f"credentials: {option}: {detail['msg']} "
            f"(hint: the options are {', '.join(VARIABLES)})"
        ) from None  # pydantic's error holds the values
    _check(credentials)
    return credentials


def _read(path: Path) -> dict[str, Any]:
    try:
        values = load_yaml(_content(path, "credentials"))
    except yaml.YAMLError:
        # A parser's error quotes what it read.
        raise BadCredentials(f"credentials are not YAML: {path}") from None
    if not isinstance(values, dict):
        raise BadCredentials(
            f"credentials must hold options such as `token_file:`. Received: {path}"
        )
    return values


def _check(credentials: Credentials) -> None:
    tokens = [option for option in _EXCLUSIVE if getattr(credentials, option)]
    if len(tokens) > 1:
        raise BadCredentials(
            f"credentials: only one of {', '.join(_EXCLUSIVE)} can be given. "
            f"Received: {' and '.join(tokens)}"
        )
    for option in ("token_file", "ssl_ca_cert"):
        path = getattr(credentials, option)
        if path is not None:
            _content(path, f"credentials: {option}")


def _content(path: Path, what: str) -> str:
    try:
        return read_bounded(path, MOST_BYTES)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadCredentials(f"{what} cannot be read: {path}: {reason}") from error
    except FileTooLarge as error:
        raise BadCredentials(f"{what} cannot be read: {error}") from error
    except UnicodeDecodeError:  # it quotes what it read
        raise BadCredentials(f"{what} cannot be read: {path}: not UTF-8") from None
