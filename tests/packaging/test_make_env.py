"""`tools/make_env.sh` with a Python and a uv that only write down what they do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_PYTHON = """#!/bin/sh
# -m venv DIR: an environment of which this script and a uv are all there is.
echo "python $*" >> calls
if [ "$2" = venv ]; then
  mkdir -p "$3/bin"
  cp "$0" "$3/bin/python"
  cp uv "$3/bin/uv"
fi
"""
_UV = """#!/bin/sh
echo "uv $*" >> calls
[ ! -e broken ] || exit 2
"""


class Clone:
    """A source tree with the real script, whose tools are made up."""

    def __init__(self, folder: Path, script: Path) -> None:
        self.folder = folder
        for name in ("bootstrap", "tfx-1.16", "tfx-1.21"):
            self.write(f"requirements/{name}.txt", f"{name}==1\n")
        self.write("setup.py", "setup()\n")
        self.write("uv", _UV)
        self.write("python", _PYTHON)
        self.write(
            "tools/find_python.sh", f"#!/bin/sh\necho tfx-1.16 {folder}/python\n"
        )
        shutil.copy(script, folder / "tools")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def make(self) -> tuple[int, list[str], str]:
        """Returns exit status, the calls of python and uv, and stderr."""
        calls = self.folder / "calls"
        calls.write_text("")
        done = subprocess.run(
            [str(self.folder / "tools" / "make_env.sh")],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = calls.read_text().splitlines()
        work = [line for line in lines if not line.startswith("python -c")]
        return done.returncode, work, done.stderr


@pytest.fixture
def clone(tmp_path: Path, repository: Path) -> Clone:
    return Clone(tmp_path, repository / "tools" / "make_env.sh")


def test_the_first_call_installs_by_hash_and_the_second_does_nothing(clone):
    status, calls, _ = clone.make()
    assert status == 0
    assert [call.split()[:3] for call in calls] == [
        ["python", "-m", "venv"],
        ["python", "-m", "pip"],
        ["uv", "pip", "install"],
        ["uv", "pip", "install"],
    ]
    pip, packages, ours = calls[1:]
    assert "--require-hashes --requirement requirements/bootstrap.txt" in pip
    assert "--require-hashes --requirement requirements/tfx-1.16.txt" in packages
    assert "--no-deps" in packages
    assert ours.endswith("--editable .")

    assert clone.make() == (0, [], "")


def test_a_changed_list_makes_the_environment_anew(clone):
    clone.make()
    leftover = clone.folder / ".venv" / "leftover"
    leftover.touch()
    clone.write("requirements/tfx-1.16.txt", "other==1\n")
    status, calls, _ = clone.make()
    assert (status, len(calls)) == (0, 4)
    assert not leftover.exists()


def test_the_list_of_the_other_stack_is_of_no_concern(clone):
    clone.make()
    clone.write("requirements/tfx-1.21.txt", "other==1\n")
    assert clone.make()[1] == []


def test_a_changed_setup_reinstalls_the_command_only(clone):
    clone.make()
    clone.write("setup.py", "setup(entry_points={})\n")
    _, calls, _ = clone.make()
    assert len(calls) == 1
    assert calls[0].endswith("--editable .")


def test_an_installation_that_failed_is_done_again(clone):
    clone.write("broken", "")
    status, calls, _ = clone.make()
    assert (status, len(calls)) == (2, 3)
    (clone.folder / "broken").unlink()
    status, calls, _ = clone.make()
    assert (status, len(calls)) == (0, 4)


def test_an_environment_that_was_moved_is_made_anew(clone, tmp_path):
    clone.make()
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in list(tmp_path.iterdir()):
        if path != moved:
            path.rename(moved / path.name)
    clone.folder = moved
    clone.write("tools/find_python.sh", f"#!/bin/sh\necho tfx-1.16 {moved}/python\n")
    status, calls, _ = clone.make()
    assert (status, len(calls)) == (0, 4)


def test_an_environment_of_somebody_else_is_refused_and_kept(clone):
    clone.write(".venv/bin/precious", "")
    status, calls, error = clone.make()
    assert (status, calls) == (1, [])
    assert "`make env` did not make it" in error
    assert (clone.folder / ".venv/bin/precious").exists()


def test_without_a_python_nothing_is_removed(clone):
    clone.make()
    clone.write("requirements/tfx-1.16.txt", "other==1\n")
    clone.write("tools/find_python.sh", "#!/bin/sh\necho none >&2\nexit 1\n")
    status, calls, error = clone.make()
    assert (status, calls, error) == (1, [], "none\n")
    assert (clone.folder / ".venv/bin/uv").exists()
