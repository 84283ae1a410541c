"""Environments beside the tests' own, for what must not be installed in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def make_environment(folder: Path, pinned: Path) -> Path:
    """Installs a complete list with hashes, and returns the Python that has it.

    Args:
        folder: Where the environment is made.
        pinned: A list of `requirements/`.
    """
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip(f"no uv beside {sys.executable}, to install {pinned.name}")
    python = folder / "bin" / "python"
    variables = dict(os.environ)
    if "PIP_INDEX_URL" in variables:  # uv does not read pip's settings
        variables.setdefault("UV_DEFAULT_INDEX", variables["PIP_INDEX_URL"])
    for command in (
        ["venv", "--quiet", "--python", sys.executable, folder],
        ["pip", "install", "--quiet", "--python", python, "--no-deps"]
        + ["--only-binary", ":all:", "--require-hashes", "--requirement", pinned],
    ):
        subprocess.run([uv, *command], env=variables, check=True)
    return python
