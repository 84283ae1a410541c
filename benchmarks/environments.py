"""The peers' environments, made from their locked lists and kept for later runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.session import KEPT, NotMeasured, say

_LISTS = Path("requirements/peers")
# setuptools and wheel come first: they build what is there as source only.
_BUILD_TOOLS = ("setuptools", "wheel")


def interpreter(name: str, version: str) -> Path:
    """Returns the Python of a peer's environment, which is made if it is not current.

    Args:
        name: Of the peer and of its list in requirements/peers.
        version: Of the Python that it needs, as `3.9`.

    Raises:
        NotMeasured: If there is no such Python, or an installation fails.
    """
    folder, locked = KEPT / name, _LISTS / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / "bench-stamp"
    wanted = hashlib.sha256(locked.read_bytes()).hexdigest()
    current = stamp.exists() and stamp.read_text("ascii") == wanted
    if current and _runs(python):
        return python
    found = find_python(version)
    say(f"{name}: making {folder} with {found}; minutes on the first call")
    # Removed whole, not reused: it may have been interrupted anywhere.
    shutil.rmtree(folder, ignore_errors=True)
    _uv("venv", "--quiet", "--python", found, str(folder))
    install = ("pip", "install", "--quiet", "--python", str(python), "--no-deps")
    _uv(*install, "--require-hashes", "--requirement", _only_build_tools(locked))
    # Built with what the list names, so that nothing comes without a hash.
    hashed = ("--no-build-isolation", "--require-hashes", "--requirement")
    _uv(*install, *hashed, str(locked))
    stamp.write_text(wanted, "ascii")
    return python


def find_python(version: str) -> str:
    """Returns a Python of those on PATH, in pyenv, in uv, in the usual folders.

    Raises:
        NotMeasured: If there is none.
    """
    found = subprocess.run(
        [_uv_path(), "python", "find", "--system", "--no-project"]
        + ["--no-python-downloads", version],
        env={**os.environ, "PATH": _search_path(version)},
        capture_output=True,
        text=True,
    )
    if found.returncode or not found.stdout.strip():
        raise NotMeasured(f"no Python {version} found")
    return found.stdout.strip()


def _search_path(version: str) -> str:
    """Returns PATH with pyenv's versions first: its shims may stand for another."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    folders = sorted(pyenv.glob(f"versions/{version}.*/bin"), reverse=True)
    usual = ("/usr/local/bin", "/usr/bin", home / ".local/bin")
    optional = Path("/opt").glob("python*/bin")
    places = (*folders, os.environ.get("PATH", ""), *usual, *optional)
    return os.pathsep.join(map(str, places))


def _only_build_tools(locked: Path) -> str:
    """Writes the entries of the build tools, with hashes; returns the list's path."""
    entries = locked.read_text("utf-8").replace("\\\n", " ").splitlines()
    tools = [entry for entry in entries if entry.split("==")[0] in _BUILD_TOOLS]
    path = KEPT / f"{locked.stem}-build-tools.txt"
    path.write_text("\n".join(tools) + "\n", "utf-8")
    return str(path)


def _runs(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", ""]).returncode == 0
    except OSError:
        return False


def _uv_path() -> str:
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise NotMeasured("no uv found to make its environment with: run `make env`")
    return uv


def _uv(*arguments: str) -> None:
    variables = {"UV_HTTP_TIMEOUT": "180", **os.environ}
    # uv does not read pip's settings; a mirror named for pip serves it as well.
    if "PIP_INDEX_URL" in variables:
        variables.setdefault("UV_DEFAULT_INDEX", variables["PIP_INDEX_URL"])
    done = subprocess.run(
        [_uv_path(), *arguments], env=variables, capture_output=True, text=True
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        raise NotMeasured(
            f"`uv {' '.join(arguments[:2])}` failed: {' '.join(errors)[:300]}"
        )
