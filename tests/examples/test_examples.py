"""The files under examples/ run as a reader would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_and_prints_what_its_comments_say(
    example, tmp_path, repository
):
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = [
        line.rsplit("# ", 1)[1].split(":")[0].split(", always")[0]
        for line in example.read_text("utf-8").splitlines()
        if line.startswith("print(") and "# " in line
    ]
    assert printed
    for said in printed:
        assert said in done.stdout or said.startswith("False where"), said
