"""Connecting: the server, the login, and the errors if that fails."""

from __future__ import annotations

import contextlib
import http.server
import json
import logging
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from elmo_kubeflow.server import transport
from tests.kubeflow.certificate import write_certificate
from tests.kubeflow.kfp_command import error_of, kubeflow
from tests.kubeflow.kfp_server import serving

_TOKEN = "tok-3n-of-a-user"
_COOKIE = "authservice_session=c00kie-of-a-user"


@pytest.fixture
def guarded(no_context):
    """A server that wants a token."""
    with serving(token=_TOKEN) as started:
        yield started


def _show(address, *args):
    return kubeflow("show", "run-1", "--host", address, *args)


def _is_let_in(result) -> bool:
    return "Run run-1 not found" in result.stderr


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def test_an_address_where_nothing_listens_is_an_error_at_once(no_context):
    address = f"http://localhost:{_free_port()}"
    begin = time.monotonic()
    error = error_of(_show(address))
    assert error.endswith(f"cannot be reached at {address}: Connection refused")
    assert time.monotonic() - begin < 5


def test_a_server_that_does_not_answer_is_given_up(no_context, monkeypatch):
    monkeypatch.setattr(transport, "_PING_SECONDS", 0.3)
    with socket.create_server(("localhost", 0)) as silent:
        error = error_of(_show(f"http://localhost:{silent.getsockname()[1]}"))
    assert error.endswith("no answer in time")


def test_an_unknown_host_is_named(no_context):
    error = error_of(_show("http://no-such-host.invalid"))
    assert "cannot be reached at http://no-such-host.invalid: " in error


def test_without_an_address_the_option_and_the_variable_are_named(no_context):
    error = error_of(kubeflow("show", "run-1"))
    assert "--host" in error and "KF_PIPELINES_ENDPOINT" in error


def test_the_address_comes_from_kfps_own_variable(server, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.address)
    assert _is_let_in(kubeflow("show", "run-1"))


def test_a_broken_configuration_of_kubectl_is_an_error(no_context, tmp_path):
    (tmp_path / "no-kubeconfig").write_text("nonsense")
    assert "kubectl's configuration cannot be used" in error_of(
        kubeflow("show", "run-1")
    )


def test_an_address_without_http_is_refused(no_context):
    error = error_of(_show("kfp.example.org"), code=2)
    assert "Received: kfp.example.org" in error


def test_a_password_in_an_address_is_not_shown(no_context):
    error = error_of(_show(f"http://me:s3cret@localhost:{_free_port()}"))
    assert "s3cret" not in error


def test_without_a_token_the_error_says_what_to_set(guarded):
    error = error_of(_show(guarded.address))
    assert "(401)" in error and "no user identity" in error
    assert "--credentials" in error


@pytest.mark.parametrize("where", ["variable", "file", "token_file"])
def test_a_token_comes_from_the_environment_or_a_file(
    guarded, tmp_path, monkeypatch, where
):
    credentials, args = tmp_path / "who.yaml", ["--credentials"]
    (tmp_path / "token").write_text(_TOKEN + "\n")
    if where == "variable":
        monkeypatch.setenv("KFP_TOKEN", _TOKEN)
        args = []
    elif where == "file":
        credentials.write_text(f"token: {_TOKEN}")
        args.append(str(credentials))
    else:
        credentials.write_text(f"token_file: {tmp_path / 'token'}")
        args.append(str(credentials))
    assert _is_let_in(_show(guarded.address, *args))


def test_a_token_in_a_file_is_read_anew_for_each_request(guarded, tmp_path):
    token = tmp_path / "token"
    token.write_text(_TOKEN)
    (tmp_path / "who.yaml").write_text(f"token_file: {token}")
    healthz = guarded.state.get_healthz

    def rotate(*args):
        guarded.token = "the-next"
        token.write_text("the-next")
        return healthz(*args)

    guarded.state.get_healthz = rotate
    args = ("--credentials", str(tmp_path / "who.yaml"))
    assert _is_let_in(_show(guarded.address, *args))


def test_a_session_behind_dex_is_sent_as_a_cookie(no_context, monkeypatch):
    with serving(cookie=_COOKIE) as server:
        error = error_of(_show(server.address))
        assert "redirects to https://dex.example.org/auth " in error
        assert "s3cret" not in error
        monkeypatch.setenv("KFP_COOKIES", _COOKIE)
        assert _is_let_in(_show(server.address))


def test_kfps_own_context_gives_namespace_and_cookie(no_context, package):
    from kfp import Client

    context = Path(Client._LOCAL_KFP_CONTEXT)
    context.parent.mkdir()
    context.write_text(
        json.dumps({"namespace": "team", "client_authentication_cookie": _COOKIE})
    )
    with serving(cookie=_COOKIE) as server:
        server.state.multi_user = True
        args = ("--package", str(package), "--host", server.address)
        assert kubeflow("submit", *args).exit_code == 0
        (experiment,) = server.state.experiments.values()
        assert experiment["namespace"] == "team"


def test_a_certificate_that_signs_itself_must_be_given(no_context, tmp_path):
    certificate, key = write_certificate(tmp_path)
    (tmp_path / "who.yaml").write_text(f"ssl_ca_cert: {certificate}")
    with serving(certificate=(certificate, key)) as server:
        error = error_of(_show(server.address))
        assert "certificate of" in error and "ssl_ca_cert" in error
        args = ("--credentials", str(tmp_path / "who.yaml"))
        assert _is_let_in(_show(server.address, *args))


def test_no_secret_is_shown_or_logged(guarded, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KFP_COOKIES", _COOKIE)
    for token in (_TOKEN, "wr0ng-token"):
        monkeypatch.setenv("KFP_TOKEN", token)
        result = _show(guarded.address)
        for secret in (token, _COOKIE):
            assert secret not in result.output
            assert secret not in caplog.text


@contextlib.contextmanager
def _answering(kind, content):
    """Serves the same answer to every request; gives its address."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("localhost", 0), Page) as page:
        threading.Thread(target=page.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://localhost:{page.server_port}"
        page.shutdown()


def test_a_web_page_is_not_taken_for_a_server(no_context):
    with _answering("text/html; charset=utf-8", b"<html>Welcome</html>") as address:
        error = error_of(_show(address))
    assert "a web page and not Kubeflow Pipelines answers" in error


@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b"{}", b'{"version": "\xff"}', b"[" * 100_000, b'{"run_id": null}'],
    ids=["nothing", "a list", "no run", "no UTF-8", "deep", "null"],
)
def test_another_server_is_not_taken_for_kubeflow(no_context, content):
    with _answering("application/json", content) as address:
        error = error_of(_show(address))
    assert f"what answers at {address} is not Kubeflow Pipelines" in error


@pytest.mark.parametrize("token", ["tok\nen", "t\u6f22en"])
def test_a_token_that_no_header_can_hold_is_not_shown(server, monkeypatch, token):
    monkeypatch.setenv("KFP_TOKEN", token)
    result = _show(server.address)
    assert "have characters that no header can have" in error_of(result, code=2)
    assert token not in result.output
    assert repr(token) not in result.output


@pytest.mark.parametrize(
    "host",
    [
        "http://",
        "http://x:99999",
        "http://x:0",
        "http://a b",
        "http://\x1bx",
        "http://[x",
    ],
)
def test_an_address_that_is_none_is_refused(no_context, host):
    error = error_of(_show(host), code=2)
    assert "the address of Kubeflow Pipelines has no name" in error


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "denies access (403): upstream is away (hint: "),
        (500, "answers with error 500: upstream is away"),
    ],
)
def test_an_error_of_the_server_is_one_line_with_its_code(server, status, message):
    server.broken = [status]
    assert message in error_of(_show(server.address))


def test_without_kfp_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kfp", None)
    config = tmp_path / "run.yaml"
    config.write_text(
        "output: /data/out\ndata: {pattern: /data/x.csv}\nkubeflow: {image: r.io/i:1}\n"
    )
    for result in (
        _show("http://localhost:1"),
        kubeflow("compile", "--config", config),
    ):
        assert error_of(result).endswith(
            "kfp is not installed (hint: pip install 'elmo-tfx[kubeflow]')"
        )
