"""A Kubeflow Pipelines server on this machine, which checks whatever it is sent."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.kubeflow.kfp_schema import (
    Operation,
    SchemaError,
    check,
    check_filter,
    operations,
)
from tests.kubeflow.kfp_state import Refusal, State


@dataclass
class Request:
    """One request that the server took.

    Args:
        call: Name of the API's call: `create_run`.
        query: What follows the path.
        body: JSON, or the text of an uploaded file.
        headers: Names in small letters.
    """

    call: str
    query: dict[str, Any]
    body: Any
    headers: dict[str, str]


@dataclass
class Server:
    """A server that runs.

    Args:
        address: Where it listens.
        state: What it keeps.
        requests: What it took.
        problems: Where a request or an answer was not as the API defines it.
        token: The bearer token that it wants, or None.
        cookie: The session that it wants, or None; without it leads to a login page.
        broken: HTTP statuses of the next answers, whatever is asked.
    """

    address: str = ""
    state: State = field(default_factory=State)
    requests: list[Request] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    token: str | None = None
    cookie: str | None = None
    broken: list[int] = field(default_factory=list)

    def calls(self, prefix: str = "") -> list[str]:
        """Names of the calls that it took, in their order."""
        return [r.call for r in self.requests if r.call.startswith(prefix)]

    def last(self, call: str) -> Request:
        """The last request of a call."""
        return [r for r in self.requests if r.call == call][-1]


@contextlib.contextmanager
def serving(
    *, certificate: tuple[Path, Path] | None = None, **options: Any
) -> Iterator[Server]:
    """Yields a server that listens, for as long as it is needed.

    Args:
        certificate: Files of a certificate and its key, for https.
        options: As for `Server`.

    Raises:
        SchemaError: At the end, if a request or an answer was not as defined.
    """
    server = Server(**options)
    known = operations()

    class Handler(_Handler):
        its = server
        known_operations = known

    listener = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        scheme = "https"
    server.address = f"{scheme}://localhost:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
    if server.problems:
        raise SchemaError("; ".join(server.problems))


class _Handler(http.server.BaseHTTPRequestHandler):
    its: Server
    known_operations: list[Operation]

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def do_DELETE(self):
        self._serve()

    def log_message(self, format, *args):
        pass

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.its.broken:
            self._answer(self.its.broken.pop(0), {"message": "upstream is away"})
        elif self.its.token and headers.get("authorization") != (
            f"Bearer {self.its.token}"
        ):
            message = "Request header error: there is no user identity header."
            self._answer(401, {"error": message, "code": 16, "message": message})
        elif self.its.cookie and self.its.cookie not in headers.get("cookie", ""):
            self._send_to_login()
        else:
            self._call(content, headers)

    def _call(self, content: bytes, headers: dict[str, str]) -> None:
        url = urlsplit(self.path)
        for operation in self.known_operations:
            path = operation.match(self.command, url.path)
            if path is not None:
                break
        else:
            self.its.problems.append(f"no such call: {self.command} {url.path}")
            self._answer(404, {"message": "Not Found"})
            return
        try:
            query = _query(operation, url.query)
            body = _body(operation, content, headers)
            self.its.requests.append(Request(operation.call, query, body, headers))
            answer = getattr(self.its.state, operation.call)(query, path, body)
            check(answer, operation.answer, f"answer of {operation.call}")
        except SchemaError as problem:
            self.its.problems.append(f"{operation.call}: {problem}")
            self._answer(400, {"message": str(problem)})
        except Refusal as refusal:
            self._answer(refusal.status, refusal.body)
        else:
            self._answer(200, answer)

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_to_login(self) -> None:
        self.send_response(302)
        self.send_header("Location", "https://dex.example.org/auth?state=s3cret")
        self.send_header("Content-Length", "0")
        self.end_headers()


def _query(operation: Operation, text: str) -> dict[str, Any]:
    query: dict[str, Any] = dict(parse_qsl(text))
    unknown = set(query) - operation.query
    if unknown:
        raise SchemaError(f"the query has no {sorted(unknown)}")
    if "filter" in query:
        query["filter"] = check_filter(query["filter"])
    return query


def _body(operation: Operation, content: bytes, headers: Mapping[str, str]) -> Any:
    if operation.is_upload:
        head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + content).get_payload()
        if part.get_param("name", header="Content-Disposition") != "uploadfile":
            raise SchemaError("the form has no uploadfile")
        return part.get_payload(decode=True).decode()
    if operation.body is None:
        if content not in (b"", b"null"):
            raise SchemaError(f"a body where there is none: {content[:80]!r}")
        return None
    body = json.loads(content)
    check(body, operation.body, operation.body)
    return body
