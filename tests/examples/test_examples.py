"""The files under examples/ run as a reader would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
# One process for all, as each would spend most of its time on importing TensorFlow.
RUN_ALL = """
import runpy, sys
for example in sys.argv[1:]:
    print("example:", example)
    runpy.run_path(example, run_name="__main__")
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, repository):
    """What each example printed, by its path."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, *map(str, EXAMPLES)],
        cwd=tmp_path_factory.mktemp("examples"),
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, *parts = done.stdout.split("example: ")
    return dict(part.split("\n", 1) for part in parts)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_and_prints_what_its_comments_say(example, outputs):
    expected = [
        line.rsplit("# ", 1)[1].split(":")[0].split(", always")[0]
        for line in example.read_text("utf-8").splitlines()
        if line.startswith("print(") and "# " in line
    ]
    assert expected
    for text in expected:
        assert text in outputs[str(example)] or text.startswith("False where"), text
