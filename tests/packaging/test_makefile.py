from __future__ import annotations

import subprocess
from pathlib import Path


def _make(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_make_alone_lists_every_target_with_a_help_line(repository):
    makefile = (repository / "Makefile").read_text("utf-8")
    lines = makefile.replace("\\\n", " ").splitlines()
    (phony,) = [line for line in lines if line.startswith(".PHONY:")]
    listed = _make(repository).splitlines()
    assert [line.split()[1] for line in listed] == phony.split()[1:]
    assert all(len(line.split()) > 3 for line in listed)


def test_make_run_sets_up_then_fetches_then_trains(repository):
    steps = _make(repository, "--dry-run", "run", "OUTPUT=elsewhere")
    order = [
        "make_env.sh",
        "tools.sample_data",
        "elmo-tfx run --data 'data/sample/*",
    ]
    places = [steps.index(step) for step in order]
    assert places == sorted(places)
    assert "--output elsewhere" in steps


def test_what_ci_runs_are_targets_of_the_makefile(repository):
    script = (repository / ".ci" / "run").read_text("utf-8")
    for target in ("env", "lint", "test", "test-integration"):
        assert f" make {target}\n" in script or f" make {target} ||" in script
        _make(repository, "--dry-run", target)
