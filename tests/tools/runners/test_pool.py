from __future__ import annotations

import pytest
from apache_beam.portability.api import beam_fn_api_pb2 as beam_api

from tools.runners.pool import SharedPool


@pytest.fixture
def pool(tmp_path):
    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\nexec sleep 60\n")
    worker.chmod(0o755)
    pool = SharedPool(use_process=True, container_executable=str(worker))
    yield pool
    for process in pool._worker_processes.values():
        process.kill()
        process.wait()


def test_of_two_workers_with_one_name_the_older_is_stopped_first(pool):
    # As two task managers ask for them.
    for _ in range(2):
        assert not pool.StartWorker(
            beam_api.StartWorkerRequest(worker_id="1-1"), None
        ).error
    older, younger = pool._worker_processes.values()
    pool.StopWorker(beam_api.StopWorkerRequest(worker_id="1-1"), None)
    assert older.poll() is not None
    assert younger.poll() is None
    pool.StopWorker(beam_api.StopWorkerRequest(worker_id="1-1"), None)
    assert younger.poll() is not None
    assert pool._worker_processes.values() == []


def test_a_worker_that_is_not_there_is_stopped_without_a_word(pool):
    assert not pool.StopWorker(beam_api.StopWorkerRequest(worker_id="2-1"), None).error
