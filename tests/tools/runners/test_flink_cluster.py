"""A real Flink cluster, without a job: its jars are on PyPI."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from tests.beam_runners import CACHE
from tools.runners import flink
from tools.runners.runner import Unavailable
from tools.runners.services import Services, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_a_cluster_starts_with_all_slots_and_notices_a_dead_task_manager(tmp_path):
    try:
        java = flink.java_program()
    except Unavailable as error:
        pytest.skip(str(error))
    port = free_port()
    flink.write_configuration(tmp_path, rest_port=port)
    services = Services(tmp_path)
    jars = flink.libraries(CACHE)
    services.start(list(flink.cluster(java, jars, tmp_path, rest_port=port)))
    try:
        overview = _overview(port)
        assert overview["flink-version"].startswith("1.20")
        assert (overview["taskmanagers"], overview["slots-total"]) == (2, 4)
        services.kill(flink.TASK_MANAGERS[0])
        end = time.monotonic() + 60
        while _overview(port)["taskmanagers"] != 1:
            assert time.monotonic() < end, "the cluster still counts it"
            time.sleep(0.5)
    finally:
        services.stop()


def _overview(port):
    with urllib.request.urlopen(f"http://localhost:{port}/overview", timeout=10) as got:
        return json.load(got)
