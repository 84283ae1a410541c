"""Some of the files of `python -m benchmarks fuzz`, and how it counts what they do."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from benchmarks.fuzz import command
from benchmarks.fuzz.inputs import make_input
from benchmarks.fuzz.trial import try_input

_INPUTS = 50


@pytest.mark.parametrize("first", range(0, 6 * _INPUTS, _INPUTS))
def test_no_file_ends_a_run_or_a_job(tmp_path, first):
    outcomes = set()
    for seed in range(first, first + _INPUTS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        outcomes.add(try_input(make_input(seed, folder), folder))
    assert outcomes == {"used", "refused"}


def test_a_seed_makes_the_same_file_again(tmp_path):
    for seed in range(30):
        made = []
        for name in (f"a{seed}", f"b{seed}"):
            (tmp_path / name).mkdir()
            path = make_input(seed, tmp_path / name).path
            with open(path, "rb") as file:
                made.append((os.path.basename(path), file.read()))
        assert made[0] == made[1]


def test_crashes_and_hangs_are_counted_and_the_other_files_are_tried(monkeypatch):
    def tried(given, folder):
        if given == 1:
            raise ValueError("boom")
        if given == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if given == 3:
            time.sleep(60)
        return "used"

    monkeypatch.setattr(command, "make_input", lambda seed, folder: seed)
    monkeypatch.setattr(command, "try_input", tried)
    results = command.try_all(iter(range(6)), seconds=1, processes=2)
    assert results["outcomes"] == {"used": 3}
    failures = {
        each["seed"]: (each["kind"], each["error"]) for each in results["failures"]
    }
    assert failures == {
        1: ("crash", "ValueError in tried: boom"),
        2: ("crash", "the process ended with status -9"),
        3: ("hang", "not done after 1 seconds"),
    }
    conditions = {"date": "2030-01-02", "cpu": "A CPU", "cores": 2, "versions": {}}
    text = command.report(
        results | {"inputs": 6, "first": 0, "seconds": 1, "conditions": conditions}
    )
    assert "- No crash: **not reached**, 2." in text
    assert "- No hang: **not reached**, 1." in text
    assert re.search(r"peak memory of a process, MiB *\| *[1-9]", text)


@pytest.mark.parametrize("seed", [1317, 17591, 24978, 25664])
def test_files_that_once_ended_a_job_do_not(tmp_path, seed):
    try_input(make_input(seed, tmp_path), tmp_path)
