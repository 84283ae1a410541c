"""`tools/find_python.sh` on made-up machines: a PATH of our own, and no other place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_TOOLS = ["bash", "sh", "sed", "sort", "uname", "cat"]


class Machine:
    """A machine of which only `PATH` and `HOME` are seen, both made by the test."""

    def __init__(self, folder: Path, script: Path) -> None:
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.script = script
        self.bin.mkdir()
        self.home.mkdir()
        for tool in _TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        self.add(self.bin / "c++", "")

    def add(self, path: Path, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def glibc(self, version: str) -> None:
        self.add(self.bin / "getconf", f"echo glibc {version}")

    def system(self, answer: str) -> None:
        """Makes it a machine of another kind, without a C library of GNU."""
        (self.bin / "uname").unlink()
        self.add(self.bin / "uname", f'[ "$*" = -sm ] && echo "{answer}"')

    def python(self, path: Path, answer: str) -> None:
        """Makes a Python that is asked for its version only."""
        self.add(path, f"echo '{answer}'")

    def find(self, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / "bash"), str(self.script)],
            env={"PATH": str(self.bin), "HOME": str(self.home), **env},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path, repository: Path) -> Machine:
    # The folders that belong to a whole machine are not those of a made-up one.
    text = (repository / "tools" / "find_python.sh").read_text("utf-8")
    script = tmp_path / "find_python.sh"
    script.write_text(
        text.replace("/usr/local/bin /usr/bin ", "").replace("/opt/python*/bin", "")
    )
    assert "/bin /" not in script.read_text("utf-8")
    return Machine(tmp_path, script)


def test_an_older_c_library_gets_python_310_and_tfx_116(machine):
    machine.glibc("2.36")
    machine.python(machine.bin / "python3.13", "3.13")
    machine.python(machine.bin / "python3.10", "3.10")
    done = machine.find()
    assert done.stdout == f"tfx-1.16 {machine.bin}/python3.10\n"
    assert "requirements/tfx-1.16.txt (glibc 2.36)" in done.stderr


def test_a_new_c_library_gets_the_newest_python_and_tfx_121(machine):
    machine.glibc("2.39")
    machine.python(machine.bin / "python3", "3.10")
    machine.python(machine.bin / "python3.12", "3.12")
    done = machine.find()
    assert done.stdout == f"tfx-1.21 {machine.bin}/python3.12\n"


def test_apples_processors_get_tfx_121_and_are_said_to_be_untested(machine):
    machine.system("Darwin arm64")
    machine.python(machine.bin / "python3.12", "3.12")
    done = machine.find()
    assert done.stdout == f"tfx-1.21 {machine.bin}/python3.12\n"
    assert "requirements/tfx-1.21.txt (macOS, which is untested)" in done.stderr
    (machine.bin / "c++").unlink()
    assert "install Xcode's tools: xcode-select --install" in machine.find().stderr


@pytest.mark.parametrize("system", ["Linux aarch64", "Darwin x86_64", "MINGW64 x86_64"])
def test_a_machine_without_packages_of_tfx_is_told_of_the_layer(machine, system):
    machine.system(system)
    done = machine.find()
    assert (done.returncode, done.stdout) == (1, "")
    assert "Linux on x86_64 and macOS on arm64 only; the layer alone" in done.stderr
    assert done.stderr.endswith(f"Received: {system}\n")


def test_a_python3_of_the_right_version_will_do(machine):
    machine.glibc("2.41")
    machine.python(machine.bin / "python3.14", "3.14")
    machine.python(machine.bin / "python3", "3.11")
    assert machine.find().stdout == f"tfx-1.21 {machine.bin}/python3\n"


def test_a_python_that_only_pyenv_has_is_found_past_its_broken_shim(machine):
    machine.glibc("2.36")
    machine.add(machine.bin / "python3.10", "exit 127")
    versions = machine.home / ".pyenv" / "versions"
    for version in ("3.10.9", "3.10.13"):
        machine.python(versions / version / "bin" / "python3.10", "3.10")
    done = machine.find()
    assert done.stdout == f"tfx-1.16 {versions}/3.10.13/bin/python3.10\n"


def test_a_python_that_only_uv_has_is_found(machine):
    machine.glibc("2.36")
    folder = machine.home / ".local/share/uv/python/cpython-3.10.20-linux-x86_64-gnu"
    machine.python(folder / "bin" / "python3.10", "3.10")
    assert machine.find().stdout == f"tfx-1.16 {folder}/bin/python3.10\n"


def test_uv_itself_is_asked_where_its_pythons_are(machine):
    machine.glibc("2.36")
    elsewhere = machine.home / "elsewhere" / "python3.10"
    machine.python(elsewhere, "3.10")
    machine.add(machine.bin / "uv", f"echo {elsewhere}")
    assert machine.find().stdout == f"tfx-1.16 {elsewhere}\n"


def test_no_python_gives_one_line_that_says_what_to_install(machine):
    machine.glibc("2.36")
    machine.python(machine.bin / "python3", "3.11")
    done = machine.find()
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "no Python 3.10 found" in done.stderr
    assert "pyenv install 3.10" in done.stderr


def test_a_python_without_venv_is_passed_over_and_the_package_is_named(machine):
    machine.glibc("2.39")
    lacks = "it lacks venv: install Debian package python3.12-venv"
    machine.python(machine.bin / "python3.12", lacks)
    done = machine.find()
    assert done.returncode == 1
    assert "install Debian package python3.12-venv" in done.stderr


def test_a_named_python_wins_and_a_wrong_one_is_refused(machine, tmp_path):
    machine.glibc("2.39")
    machine.python(machine.bin / "python3.13", "3.13")
    named = tmp_path / "my python"
    machine.python(named, "3.11")
    done = machine.find(ELMO_TFX_PYTHON=str(named))
    assert done.stdout == f"tfx-1.21 {named}\n"

    machine.python(named, "3.9")
    done = machine.find(ELMO_TFX_PYTHON=str(named))
    assert done.returncode == 1
    assert "must be Python 3.13, 3.12, 3.11, 3.10 here" in done.stderr
    assert "(3.9)" in done.stderr


@pytest.mark.parametrize("answer", ["echo glibc 2.28", "exit 1"])
def test_a_c_library_too_old_or_of_another_kind_is_refused(machine, answer):
    machine.add(machine.bin / "getconf", answer)
    machine.python(machine.bin / "python3.10", "3.10")
    done = machine.find()
    assert done.returncode == 1
    assert "glibc" in done.stderr and "2.31 or newer" in done.stderr


def test_without_a_compiler_the_package_to_install_is_named(machine):
    machine.glibc("2.39")
    (machine.bin / "c++").unlink()
    machine.python(machine.bin / "python3.13", "3.13")
    done = machine.find()
    assert done.returncode == 1
    assert "install Debian package g++" in done.stderr


def test_the_python_running_this_test_is_a_possible_choice(repository):
    done = subprocess.run(
        [str(repository / "tools" / "find_python.sh")],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "ELMO_TFX_PYTHON"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("tfx-1.16 /", "tfx-1.21 /"))
