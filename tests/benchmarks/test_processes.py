from __future__ import annotations

import subprocess
import sys
import time

import pytest

from benchmarks.processes import error_line, run
from benchmarks.session import NotMeasured

_BUSY = """
import time
end = time.process_time() + 0.5
while time.process_time() < end:
    pass
"""
_CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {_BUSY!r}], check=True)
"""


def _run(folder, code):
    return run([sys.executable, "-c", code], scratch=folder)


@pytest.mark.parametrize("code", [_BUSY, _CHILD], ids=["itself", "its child"])
def test_the_core_seconds_of_a_process_and_its_children_count(tmp_path, code):
    usage = _run(tmp_path, code)
    assert 0.5 <= usage.core_seconds < 1.5
    assert usage.wall_seconds >= 0.5


def test_waiting_takes_time_and_no_cores(tmp_path):
    usage = _run(tmp_path, "import time; time.sleep(1)")
    assert usage.wall_seconds >= 1.0
    assert usage.core_seconds < 0.5


# In a process of its own: a child's peak is never below the size of its parent, and
# these tests may have grown large.
_PEAKS = """
import sys
from pathlib import Path
from benchmarks.processes import error_line, run
for code in ("held = bytearray(500 * 2**20); del held", ""):
    print(run([sys.executable, "-c", code], scratch=Path(sys.argv[1])).peak_mib)
"""


def test_the_peak_is_the_largest_size_even_if_it_is_given_back(repository, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _PEAKS, str(tmp_path)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    held, later = map(float, done.stdout.split())
    assert held > 500
    assert later < 500  # and not that of an earlier one


def test_a_process_that_fails_is_named_by_its_error(tmp_path):
    with pytest.raises(NotMeasured, match="status 1: ValueError: no such thing"):
        _run(tmp_path, "raise ValueError('no such thing')")


def test_an_error_of_the_command_line_is_told_before_its_hints(tmp_path):
    with pytest.raises(NotMeasured, match="status 2: error: no model$"):
        _run(tmp_path, "print('error: no model\\nlog: x'); raise SystemExit(2)")


def test_temporary_files_lie_in_the_scratch_folder(tmp_path):
    _run(tmp_path, "import tempfile; tempfile.mkstemp(suffix='.left')")
    assert list(tmp_path.glob("*.left"))


_INTERRUPTED = """
import signal, sys
from pathlib import Path
from benchmarks.processes import error_line, run
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run([sys.executable, "-c", {code!r}], scratch=Path({folder!r}))
"""


def test_an_interrupted_run_leaves_no_process_behind(tmp_path, repository):
    beats = tmp_path / "beats"
    code = f"""
import time
while True:
    with open({str(beats)!r}, "a") as file:
        file.write(".")
    time.sleep(0.05)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED.format(code=code, folder=str(tmp_path))],
        cwd=repository,
    )
    while not beats.exists():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.terminate()
    assert parent.wait(timeout=30) == 143
    counted = beats.stat().st_size
    time.sleep(0.5)
    assert beats.stat().st_size == counted


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ("Traceback\npkg.SomeError: no\n\nArguments:\n  x=1\n", "pkg.SomeError: no"),
        ("first\nkilled\n", "killed"),
        ("", "no message"),
    ],
    ids=["a message of many lines", "no error named", "silence"],
)
def test_the_line_that_names_the_error_is_found(stderr, line):
    assert error_line(stderr) == line
