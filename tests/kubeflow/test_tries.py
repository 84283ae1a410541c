"""A step starts its own program again, and counts the tries where all can see them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from elmo_kubeflow.tries import TRY_VARIABLE, run_tries
from pipeline.metadata import tries as metadata_tries
from pipeline.metadata.store import open_store
from pipeline.metadata.tries import StepTries


@pytest.fixture
def counter(tmp_path):
    return StepTries(open_store(tmp_path / "metadata.sqlite"), "run", "Trainer")


def _program(body):
    """A program that knows the number of its try as `number`."""
    return [
        sys.executable,
        "-c",
        f"import os, sys; number = int(os.environ['{TRY_VARIABLE}']); {body}",
    ]


def test_a_program_that_fails_is_started_again_until_it_succeeds(counter, tmp_path):
    log = tmp_path / "log"
    body = f"open({str(log)!r}, 'a').write(str(number)); sys.exit(number < 3)"
    code = run_tries(_program(body), retries=4, begin=counter.begin, pause_seconds=0.01)
    assert (code, log.read_text()) == (0, "123")


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(7)", 7),
        ("os.kill(os.getpid(), 9)", 137),
        ("os._exit(124)", 124),  # its time limit
    ],
)
def test_after_the_last_try_its_exit_code_is_the_steps(counter, capfd, ending, code):
    run = run_tries(_program(ending), retries=1, begin=counter.begin, pause_seconds=0)
    assert run == code
    assert f"step: try 2 of 2 ended with exit code {code}" in capfd.readouterr().err


def test_what_cannot_be_used_is_not_tried_again(counter, capfd):
    assert run_tries(_program("sys.exit(2)"), retries=3, begin=counter.begin) == 2
    assert "try 1 of 4" in capfd.readouterr().err


def test_a_pod_that_is_started_anew_has_the_tries_that_are_left(counter, capfd):
    command = _program("print(number, flush=True); sys.exit(1)")
    assert counter.begin(3) == 1  # by a pod that died
    assert run_tries(command, retries=2, begin=counter.begin, pause_seconds=0) == 1
    assert capfd.readouterr().out == "2\n3\n"
    assert run_tries(command, retries=2, begin=counter.begin) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "step: its 3 tries were made; submit the run again" in err


def test_tries_belong_to_one_step_of_one_run(tmp_path):
    store = open_store(tmp_path / "metadata.sqlite")
    assert StepTries(store, "run", "Trainer").begin(1) == 1
    assert StepTries(store, "run", "Trainer").begin(1) is None
    assert StepTries(store, "run", "Pusher").begin(1) == 1
    assert StepTries(store, "other run", "Trainer").begin(1) == 1


def test_after_an_hour_a_person_may_try_again(counter, monkeypatch):
    assert counter.begin(1) == 1
    now = time.time()
    monkeypatch.setattr(metadata_tries.time, "time", lambda: now + 3590)
    assert counter.begin(1) is None
    monkeypatch.setattr(metadata_tries.time, "time", lambda: now + 3610)
    assert counter.begin(1) == 1


def test_tries_that_a_wrong_clock_made_years_ahead_do_not_count_until_then(
    counter, monkeypatch
):
    assert counter.begin(1) == 1
    now = time.time()
    # The clocks of two machines differ by a little.
    monkeypatch.setattr(metadata_tries.time, "time", lambda: now - 10)
    assert counter.begin(1) is None
    monkeypatch.setattr(metadata_tries.time, "time", lambda: now - 10 * 365 * 86400)
    assert counter.begin(1) == 1


def test_without_its_database_a_step_still_has_its_tries(capfd):
    def begin(most):
        raise OSError("the database is away\nfor a while")

    command = _program("print(number, flush=True); sys.exit(1)")
    assert run_tries(command, retries=1, begin=begin, pause_seconds=0) == 1
    out, err = capfd.readouterr()
    assert out == "1\n2\n"
    assert "not counted in ML Metadata: the database is away\n" in err


def test_a_signal_to_end_reaches_the_program_and_ends_the_tries(tmp_path):
    started = tmp_path / "started"
    body = f"open({str(started)!r}, 'a').write('x'); import time; time.sleep(60)"
    program = (
        "import sys; from elmo_kubeflow.tries import run_tries; "
        f"sys.exit(run_tries({_program(body)!r}, retries=3, begin=lambda most: 1))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    end = time.monotonic() + 30
    while not started.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert started.read_text() == "x"


def test_a_process_that_only_starts_a_step_loads_no_library_of_it():
    program = (
        "import sys, elmo_kubeflow.step; "
        "print({'tensorflow', 'tfx', 'apache_beam', 'kfp'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
