"""kfp's client with two changes: a request ends, and an error says what to do.

It is imported only when kfp is needed, as importing kfp takes a second.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any
from urllib.parse import urlsplit

import kfp
import kfp_server_api
import urllib3
from kfp_server_api.rest import RESTClientObject

from elmo_kubeflow.errors import (
    ApiError,
    BadCredentials,
    KubeflowError,
    NotFound,
    Refused,
    Unreachable,
)

CONNECT_SECONDS = 5
READ_SECONDS = 60
_PING_SECONDS = 10
_LONGEST_MESSAGE = 300  # characters
_LOGIN_HINT = (
    "give a token, cookies or client_id in a --credentials file or the environment: "
    "elmo-tfx kubeflow --help"
)


class PromptClient(kfp.Client):
    """`kfp.Client`, whose every call ends, and raises errors of this package.

    kfp sets no time limit, asks an absent server for its health five times, and
    follows a redirect to a login page as if that were an answer.

    Args:
        host: Address of the server, or None for the cluster that this runs in or
            kubectl talks to.
        options: As for `kfp.Client`.
    """

    def __init__(self, host: str | None, **options: Any) -> None:
        self._has_host = host is not None
        super().__init__(host, **options)

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        """Asks once whether the server is there.

        kfp's constructor calls this before anything else, so requests are changed
        here for all that follow.

        Raises:
            KubeflowError: The server is not there, or refuses.
        """
        api_client = self._healthz_api.api_client
        default = kfp_server_api.Configuration().host
        if not self._has_host and api_client.configuration.host == default:
            raise Unreachable(
                "kubectl's configuration cannot be used (hint: --host https://…)"
            )
        if not isinstance(api_client.rest_client, _Transport):
            api_client.rest_client = _Transport(api_client.configuration)
        ask = _generated(self.healthzs, "healthz_service", "get_healthz")
        return ask(_request_timeout=(CONNECT_SECONDS, _PING_SECONDS))

    def get_run(self, run_id: str) -> Any:
        """Returns a run.

        Raises:
            KubeflowError: There is none, or the server is not there, or refuses.
        """
        run = super().get_run(run_id)
        if run.run_id is None:
            raise self._run_api.api_client.rest_client.no_kubeflow()
        return run

    def create_pipeline(self, name: str, namespace: str | None) -> Any:
        """Creates a pipeline without a version, for which kfp has no call of its own.

        Uploading would create one as well, but name its first version as the pipeline.
        """
        create = _generated(self.pipelines, "pipeline_service", "create_pipeline")
        return create(
            kfp_server_api.V2beta1Pipeline(display_name=name, namespace=namespace)
        )

    def run_address(self, run_id: str) -> str:
        """Returns where a browser shows a run; inside a cluster only the path."""
        return f"{shown_address(self._get_url_prefix())}/#/runs/details/{run_id}"


class _Transport(RESTClientObject):
    """Sends requests once, with a time limit, and raises errors of this package."""

    def __init__(self, configuration: kfp_server_api.Configuration) -> None:
        configuration.retries = False
        super().__init__(configuration)
        pool = self.pool_manager
        pool.urlopen = functools.partial(pool.urlopen, redirect=False)
        self._address = shown_address(configuration.host)

    def request(self, method: str, url: str, **options: Any) -> Any:
        timeout = options.pop("_request_timeout", None)
        try:
            answer = super().request(
                method,
                url,
                _request_timeout=timeout or (CONNECT_SECONDS, READ_SECONDS),
                **options,
            )
        except kfp_server_api.ApiException as error:
            raise self._error_of(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(
                f"Kubeflow Pipelines cannot be reached at {self._address}: "
                f"{_reason(error)}"
            ) from error
        except ValueError:  # it quotes the header
            raise BadCredentials(
                "the token or the cookies have characters that no header can have"
            ) from None
        if "html" in (answer.getheader("content-type") or ""):
            raise Refused(
                f"a web page and not Kubeflow Pipelines answers at {self._address} "
                f"(hint: it may want a login; {_LOGIN_HINT})"
            )
        if not _is_object(answer.data):
            raise self.no_kubeflow()
        return answer

    def no_kubeflow(self) -> KubeflowError:
        """Returns the error for an address at which something else answers."""
        return Unreachable(
            f"what answers at {self._address} is not Kubeflow Pipelines (hint: --host)"
        )

    def _error_of(self, error: kfp_server_api.ApiException) -> KubeflowError:
        if not error.status:  # so kfp_server_api reports a certificate that is refused
            reason = " ".join(str(error.reason).split())[:_LONGEST_MESSAGE]
            return Unreachable(
                f"the certificate of {self._address} is not accepted: {reason} "
                "(hint: give ssl_ca_cert in a --credentials file)"
            )
        if 300 <= error.status < 400:
            target = shown_address(dict(error.headers or {}).get("Location", "?"))
            return Refused(
                f"{self._address} redirects to {target} "
                f"(hint: if that is a login, {_LOGIN_HINT}; if not, use that as --host)"
            )
        message = _message(error)
        if error.status == 401:
            return Refused(
                f"{self._address} wants a login (401): {message} (hint: {_LOGIN_HINT})"
            )
        if error.status == 403:
            return Refused(
                f"{self._address} denies access (403): {message} "
                "(hint: your account needs a right on the namespace; name that with "
                "--namespace)"
            )
        if error.status == 404:
            return NotFound(f"{self._address} has no such thing (404): {message}")
        text = f"Kubeflow Pipelines answers with error {error.status}: {message}"
        if "namespace" in message.lower():
            text += " (hint: --namespace, or kubeflow.namespace of the configuration)"
        return ApiError(text, error.status)


def _is_object(data: bytes) -> bool:
    """Returns whether an answer is a JSON object, as all of Kubeflow Pipelines are."""
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


def shown_address(url: str) -> str:
    """Returns an address without what may be secret: user, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{host}{path}" if host else path


def _generated(apis: Any, service: str, call: str) -> Any:
    """Returns a call of the generated API; newer releases name it by its service."""
    return getattr(apis, call, None) or getattr(apis, f"{service}_{call}")


def _message(error: kfp_server_api.ApiException) -> str:
    body = error.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    try:
        answer = json.loads(text)
        text = answer.get("message") or answer.get("error_message") or text
    except (ValueError, AttributeError):
        text = re.sub(r"<[^>]*>", " ", text)
    line = " ".join(text.split()) or str(error.reason)
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    if isinstance(cause, TimeoutError):
        return f"no connection within {CONNECT_SECONDS} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error).rpartition(": ")[2]
