"""Tests of time_limit, in processes that it ends."""

from __future__ import annotations

import subprocess
import sys

from pipeline.run_node import TOOK_TOO_LONG

_PROGRAM = """
import hashlib
from pipeline.run_node import time_limit
with time_limit({minutes}, "Trainer"):
    hashlib.pbkdf2_hmac("sha256", b"", b"", {rounds})  # in C: no signal gets through
print("ended well")
"""


def _run(minutes: float | None, rounds: int) -> subprocess.CompletedProcess:
    program = _PROGRAM.format(minutes=minutes, rounds=rounds)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_a_process_that_takes_too_long_is_ended_with_a_reason():
    done = _run(0.005, 50_000_000)
    assert done.returncode == TOOK_TOO_LONG
    assert done.stdout == ""
    assert done.stderr == "error: Trainer failed: it took longer than 0.005 minutes\n"


def test_one_that_ends_in_time_goes_on():
    for minutes in (None, 10):
        done = _run(minutes, 1)
        assert (done.returncode, done.stdout) == (0, "ended well\n")
