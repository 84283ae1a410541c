"""Tests of run_log in a process of its own, since it moves descriptors."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import logging, os, subprocess, sys, warnings
from pathlib import Path
from pipeline.runs.run_log import run_log

with run_log(Path(sys.argv[1])) as talk:
    print("printed")
    os.write(2, b"from C++\\n")
    logging.getLogger("absl").info("from TFX")
    warnings.warn("from a library")
    subprocess.run(["echo", "from a child"], check=True)
    talk.write("progress\\n")
print("summary")
print("afterwards", file=sys.stderr)
"""


def test_everything_goes_into_the_log_but_progress_and_what_follows(
    tmp_path, repository
):
    log = tmp_path / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(log)],
        capture_output=True,
        text=True,
        check=True,
        cwd=repository,
    )
    assert done.stdout == "summary\n"
    assert done.stderr == "progress\nafterwards\n"
    text = log.read_text()
    for source in ("printed", "from C++", "from TFX", "from a library", "from a child"):
        assert text.count(source) >= 1, source
    assert text.count("from TFX") == 1


_INTERRUPTED = """
import os, sys
from pathlib import Path
from pipeline.runs import run_log

before = os.dup2
def dup2(here, there):
    before(here, there)
    if there == int(sys.argv[2]):
        os.dup2 = before
        raise KeyboardInterrupt
os.dup2 = dup2
try:
    with run_log.run_log(Path(sys.argv[1])):
        pass
except KeyboardInterrupt:
    os.write(1, b"output")
    print("interrupted", file=sys.stderr)
"""


@pytest.mark.parametrize("descriptor", ["1", "2"])
def test_ctrl_c_while_it_begins_is_said_on_the_terminal(
    tmp_path, repository, descriptor
):
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(tmp_path / "log"), descriptor],
        capture_output=True,
        text=True,
        check=True,
        cwd=repository,
    )
    assert (done.stdout, done.stderr) == ("output", "interrupted\n")


_LATE = r"""
import sys
from pathlib import Path
from pipeline.runs.run_log import run_log

class Function:
    def __del__(self, sys=sys):
        print("its module is gone", file=sys.stderr)

log = Path(sys.argv[1])
with run_log(log) as terminal:
    print("a title: \x1b]0;mine\x07")
    terminal.write("\x1b[K progress\n")
if len(sys.argv) > 2:
    log.unlink()
late = Function()
sys.stderr.write("error: failed\n")
sys.exit(1)
"""


@pytest.mark.parametrize("is_removed", [False, True])
def test_what_is_said_when_the_interpreter_ends_is_not_shown(
    tmp_path, repository, is_removed
):
    log = tmp_path / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", _LATE, str(log), *(["gone"] if is_removed else [])],
        capture_output=True,
        text=True,
        cwd=repository,
    )
    assert done.stderr == "\x1b[K progress\nerror: failed\n"
    assert log.exists() is not is_removed
    if not is_removed:
        shown = "a title: \\u001b]0;mine\\u0007\n"
        assert log.read_text() == shown + "its module is gone\n"


_FULL = """
import logging, sys
from pathlib import Path
from pipeline.runs.run_log import run_log

logging.raiseExceptions = False
try:
    with run_log(Path("/dev/full")):  # every write fails: no space left on device
        logging.getLogger().info("a line that cannot be written")
        raise KeyError("the run's own")
except KeyError as error:
    print(error)
"""


def test_a_log_on_a_full_disk_does_not_hide_the_error_of_the_run(repository):
    done = subprocess.run(
        [sys.executable, "-c", _FULL],
        capture_output=True,
        text=True,
        check=False,
        cwd=repository,
    )
    assert done.returncode == 0, done.stderr
    assert "the run's own" in done.stdout
