"""Tests of webhook: what a real receiver gets, and what becomes of a bad one."""

from __future__ import annotations

import base64
import functools
import json
import socket
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.config import ConfigError, load_config
from pipeline.errors import UserError
from pipeline.runs import webhook
from pipeline.runs.outcomes import RunFailed
from pipeline.runs.past_runs import TOLD_LATE, PastRun, write_run
from pipeline.runs.webhook import FILE_VARIABLE, VARIABLE, Webhook, tell

_SECRET = "t0ps3cret"


class Receiver(ThreadingHTTPServer):
    """A receiver on this machine; of its codes in `answers` the last is for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.headers: list[dict] = []
        self.answers = [200]
        self.sleeps = 0.0
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}/{_SECRET}?key={_SECRET}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.server.got.append(json.loads(self.rfile.read(length)))
        self.server.headers.append(dict(self.headers))
        answers = self.server.answers
        code = answers.pop(0) if len(answers) > 1 else answers[0]
        time.sleep(self.server.sleeps)
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", f"{self.server.address}&again")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver(monkeypatch):
    with Receiver() as server:
        serve = functools.partial(server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv(VARIABLE, server.address)
        monkeypatch.delenv(FILE_VARIABLE, raising=False)
        monkeypatch.setattr(webhook, "_PAUSE_SECONDS", 0.0)
        yield server
        server.shutdown()


@pytest.fixture
def run(tmp_path) -> PastRun:
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    log.touch()
    return PastRun(
        run_id="2026-11-26T03:00:00",
        verdict="pushed",
        began=datetime(2026, 11, 26, 3, tzinfo=timezone.utc),
        seconds=12.5,
        span="2026-11-26",
        rows=1000,
        measures={"accuracy": 0.9, "auc": None},
        version=17,
        warnings=["drift: label 0.12 (at most 0.10)"],
        log=str(log),
        report=str(tmp_path / "report.html"),
    )


def _tell(tmp_path, run: PastRun) -> list[str]:
    lines: list[str] = []
    tell(str(tmp_path), run, lines.append)
    return lines


def test_a_push_is_told_with_its_measures_and_the_report(receiver, run, tmp_path):
    assert _tell(tmp_path, run) == []
    [got] = receiver.got
    assert got["event"] == "pushed"
    assert (got["run"], got["version"], got["span"]) == (run.run_id, 17, run.span)
    assert got["measures"] == {"accuracy": 0.9, "auc": None}
    assert (got["output"], got["report"]) == (str(tmp_path), run.report)
    assert got["warnings"] == run.warnings
    assert got["text"] == (
        f"{tmp_path}: model pushed as version 17, accuracy 0.900 (span 2026-11-26); "
        "drift: label 0.12 (at most 0.10)"
    )
    assert receiver.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize("verdict", ["refused", "drifted", "failed"])
def test_the_reason_is_told_in_one_line(receiver, run, tmp_path, verdict):
    reasons = ["It is bad:\n  this\n  that\nhint: mend it", "and more"]
    facts = {"verdict": verdict, "reasons": reasons, "component": "AnomalyGate"}
    _tell(tmp_path, run.model_copy(update=facts))
    [got] = receiver.got
    assert got["event"] == verdict
    assert got["version"] is None
    assert "\n" not in got["reason"]
    assert "mend it" in got["reason"]
    assert f"run {verdict} in AnomalyGate: It is bad" in got["text"]


@pytest.mark.parametrize("verdict", ["nothing new", "interrupted", "running"])
def test_nothing_is_told_of_other_ends(receiver, run, tmp_path, verdict):
    _tell(tmp_path, run.model_copy(update={"verdict": verdict}))
    assert receiver.got == []


def test_a_run_is_told_once_whoever_tells_it(receiver, run, tmp_path):
    _tell(tmp_path, run)
    _tell(tmp_path, run)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("answers", "attempts", "said"),
    [
        ([500, 200], 2, None),
        ([429, 204], 2, None),
        ([500], 2, "it answered 500, twice"),
        ([404], 1, "it answered 404"),
        ([302], 1, "it answered 302, and redirects are not followed"),
        ([307], 1, "it answered 307, and redirects are not followed"),
    ],
)
def test_an_answer_is_tried_once_more_only_if_that_may_help(
    receiver, run, tmp_path, answers, attempts, said
):
    receiver.answers = answers
    lines = _tell(tmp_path, run)
    assert len(receiver.got) == attempts
    expected = f"push.webhook: the receiver was not told: {said}; the run is as it is"
    assert lines == ([expected] if said else [])
    log = (tmp_path / "logs" / "a.log").read_text()
    assert log == (f"{expected}\n" if said else "")


def test_a_slow_receiver_is_not_waited_for(receiver, monkeypatch, run, tmp_path):
    monkeypatch.setattr(webhook, "_TIMEOUT_SECONDS", 0.2)
    receiver.sleeps = 5
    start = time.monotonic()
    [line] = _tell(tmp_path, run)
    assert time.monotonic() - start < 3
    assert "it did not answer within 0.2 seconds, twice" in line


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"

        def drip() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                for _ in range(40):
                    connection.send(b"H")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        hook = Webhook(address, timeout_seconds=0.3, pause_seconds=0)
        start = time.monotonic()
        assert "did not answer" in hook.post(webhook._notice("out", run))
        assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "address",
    [
        f"http://127.0.0.1:1/{_SECRET}",
        f"http://user:{_SECRET}@127.0.0.1:1/",
        f"https://127.0.0.1:1/{_SECRET}",
        f"http://{_SECRET}.invalid/",
        f"http://{'a' * 70}{_SECRET}.invalid/",
    ],
)
def test_nothing_that_is_said_has_a_part_of_the_address(
    receiver, monkeypatch, run, tmp_path, address
):
    monkeypatch.setenv(VARIABLE, address)
    [line] = _tell(tmp_path, run)
    assert "it cannot be reached" in line
    for part in (_SECRET, "127.0.0.1", "invalid"):
        assert part not in line
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(_SECRET in text for text in written)


def test_https_where_there_is_none_is_said_without_the_address(
    receiver, monkeypatch, run, tmp_path
):
    monkeypatch.setenv(VARIABLE, receiver.address.replace("http", "https"))
    [line] = _tell(tmp_path, run)
    assert "its certificate or encryption is refused" in line
    assert "127.0.0.1" not in line


def test_a_name_and_a_password_become_a_header(receiver, monkeypatch, run, tmp_path):
    address = receiver.address.replace("//", f"//me:{_SECRET}%2F@")
    monkeypatch.setenv(VARIABLE, address)
    assert _tell(tmp_path, run) == []
    kind, pair = receiver.headers[0]["Authorization"].split()
    assert kind == "Basic"
    assert base64.b64decode(pair) == f"me:{_SECRET}/".encode()


@pytest.mark.parametrize(
    "address",
    [
        f"ftp://host/{_SECRET}",
        f"file:///{_SECRET}",
        f"host/{_SECRET}",
        f"https:///{_SECRET}",
        f"http://host:port/{_SECRET}",
        f"http://host/{_SECRET}\nX-Header: 1",
        f"http://hóst/{_SECRET}",
        f"http://[::1/{_SECRET}",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(
    monkeypatch, address
):
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(UserError, match=f"{VARIABLE} must be an address") as caught:
        Webhook.from_environment()
    assert _SECRET not in str(caught.value)


def test_a_receiver_without_an_address_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, " ")
    with pytest.raises(UserError, match=f"environment variable {VARIABLE} must have"):
        Webhook.from_environment()


def test_the_address_may_stand_in_a_file(receiver, monkeypatch, run, tmp_path):
    path = tmp_path / "address"
    path.write_text(f"{receiver.address}\n")
    monkeypatch.setenv(VARIABLE, "nonsense")
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    assert _tell(tmp_path, run) == []
    assert len(receiver.got) == 1
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(UserError, match="absent: No such file"):
        Webhook.from_environment()
    monkeypatch.setenv(FILE_VARIABLE, "/dev/zero")
    with pytest.raises(UserError, match="/dev/zero is larger than 65,536 bytes"):
        Webhook.from_environment()


def test_an_address_in_the_place_of_the_option_is_not_shown():
    options = {"data.pattern": "x", "output": "y", "push.webhook": f"https://{_SECRET}"}
    with pytest.raises(ConfigError, match=r"option push\.webhook: .*environment") as e:
        load_config(options=options)
    assert _SECRET not in str(e.value)


def test_a_failure_is_told_from_what_was_kept_or_from_the_error(
    receiver, run, tmp_path
):
    failed = run.model_copy(update={"verdict": "failed", "component": "Trainer"})
    write_run(tmp_path, failed)
    error = RunFailed(node="Trainer", reason="x", run_id=run.run_id)
    webhook.tell_of_failure(str(tmp_path), error, None, pytest.fail)
    webhook.tell_of_failure(str(tmp_path), UserError("no column"), None, pytest.fail)
    kept, unnamed = receiver.got
    assert (kept["run"], kept["component"]) == (run.run_id, "Trainer")
    assert (unnamed["run"], unnamed["reason"]) == ("", "no column")


def test_a_push_of_a_run_that_could_not_tell_is_told_later(receiver, run, tmp_path):
    late = run.model_copy(update={"run_id": "late", "reasons": [TOLD_LATE]})
    for each in (run, late):
        write_run(tmp_path, each)
    for _ in range(2):
        webhook.tell_of_late(str(tmp_path), pytest.fail)
    [notice] = receiver.got
    assert (notice["event"], notice["run"]) == ("pushed", "late")
    assert notice["reason"] == TOLD_LATE
