from __future__ import annotations

import os
import sys
import time

import psutil
import pytest

from tools.runners.services import Service, ServiceError, Services, accepts, free_port

_SERVE = (
    "import http.server as h; h.HTTPServer(('localhost', {}), None).serve_forever()"
)
_WITH_CHILD = "import subprocess as s, time; s.Popen(['sleep', '600']); "


def _service(port, code=_SERVE, name="web"):
    return Service(name, [sys.executable, "-c", code.format(port)], accepts(port))


def test_a_service_is_ready_when_start_returns_and_another_process_can_end_it(tmp_path):
    port = free_port()
    assert not accepts(port)()
    Services(tmp_path).start([_service(port)])
    assert accepts(port)()
    assert Services(tmp_path).running() == ["web"]
    assert Services(tmp_path).stop() == ["web"]
    assert not accepts(port)()
    assert Services(tmp_path).running() == []


def test_what_a_service_has_started_ends_with_it(tmp_path):
    port = free_port()
    services = Services(tmp_path)
    services.start([_service(port, _WITH_CHILD + _SERVE)])
    [child] = psutil.Process(services.pid("web")).children()
    services.stop()
    _gone(child)


def test_a_service_that_ends_at_once_is_told_with_its_log_and_takes_the_others_down(
    tmp_path,
):
    port = free_port()
    dying = _service(free_port(), "raise SystemExit('no such cluster')", "job-server")
    with pytest.raises(
        ServiceError, match=r"job-server did not start(.|\n)*no such cl"
    ):
        Services(tmp_path).start([_service(port), dying])
    assert not accepts(port)()


def test_starting_again_ends_what_ran_before(tmp_path):
    services = Services(tmp_path)
    services.start([_service(free_port())])
    before = psutil.Process(services.pid("web"))
    services.start([_service(free_port())])
    _gone(before)
    assert services.stop() == ["web"]


def test_the_environment_is_this_one_and_what_is_added(tmp_path):
    port = free_port()
    code = "import os; print(os.environ['ADDED'], os.environ['PATH'], flush=True); "
    command = [sys.executable, "-c", code + _SERVE.format(port)]
    Services(tmp_path).start([Service("web", command, accepts(port), {"ADDED": "yes"})])
    Services(tmp_path).stop()
    assert f"yes {os.environ['PATH']}" in (tmp_path / "web.log").read_text()


def _gone(process, seconds=10):
    end = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, f"{process} still runs"
        time.sleep(0.1)
