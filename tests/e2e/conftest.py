"""What the end-to-end tests share: real texts, the command line, one full run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import filelock
import pytest

from tests.texts import real_sentences, write_csv

_TIMEOUT_SECONDS = 280


class Cli:
    """Starts `elmo-tfx` in a process of its own."""

    # Enough to go through everything, too little to learn: any model will do.
    quick = (
        "--set=train.epochs=2",
        "--set=evaluation.thresholds={auc: 0}",
        "--set=evaluation.max_drop={}",
        "--set=data.max_rejected_fraction=0.1",
        "--set=transform.max_tokens=16",
    )

    def __init__(self, repository: Path, folder: Path) -> None:
        # As a user's is: the tests' own settings make TensorFlow say more, or less.
        ours = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
        inherited = {k: v for k, v in os.environ.items() if k not in ours}
        path = os.pathsep.join([str(repository), *_given_path()])
        self._environment = {**inherited, "PYTHONPATH": path}
        self.folder = folder

    def start(self, *args: str, **options) -> subprocess.Popen:
        """Starts a command in a process group of its own, so that a kill gets all."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *map(str, args)],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def run(self, *args: str, given: str | None = None) -> subprocess.CompletedProcess:
        """Runs a command to its end."""
        options = {} if given is None else {"stdin": subprocess.PIPE}
        process = self.start(*args, **options)
        try:
            out, err = process.communicate(given, timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def run_command(self, command: list[str]) -> subprocess.CompletedProcess:
        """Runs any command where the others are run."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )

    @staticmethod
    def nodes(stderr: str) -> dict[str, str]:
        """Returns what the progress says of each node: a time, or `unchanged`."""
        found = re.findall(r"^\[\d+/\d+\] (\w+) … (.+)$", stderr, re.MULTILINE)
        return dict(found)


def _given_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []


class Run(NamedTuple):
    """A run that has ended, and where it wrote."""

    output: Path
    done: subprocess.CompletedProcess


@pytest.fixture(scope="session")
def cli(repository, tmp_path_factory) -> Cli:
    """The command line, started in an empty folder."""
    return Cli(repository, tmp_path_factory.mktemp("cwd"))


@pytest.fixture(scope="session")
def sentences() -> list[tuple[str, str]]:
    """200 real sentences with the label of their review, from the tfx package."""
    return real_sentences()


@pytest.fixture(scope="session")
def full_run(cli, sentences, tmp_path_factory) -> Run:
    """A whole run on real sentences and some rows that cannot be used.

    Of several test processes the first that needs it makes it for all.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, made = shared / "full", shared / "full" / "done.json"
    with filelock.FileLock(shared / "full.lock"):
        if not made.exists():
            data = _write_texts(folder / "texts.csv", sentences)
            command = ("run", "--data", data, "--output", folder / "out", *cli.quick)
            done = cli.run(*command)
            assert done.returncode == 0, done.stderr
            made.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    done = subprocess.CompletedProcess([], *json.loads(made.read_text()))
    return Run(folder / "out", done)


def _write_texts(path: Path, sentences: list[tuple[str, str]]) -> Path:
    write_csv(path, sentences)
    with path.open("ab") as file:
        file.write(
            b'"  \t ",positive\n'  # no text
            b"A text without a label.,\n"
            b"only one field\n"
            b"one,field,too many\n"
            b"Not quite UTF-8: \xff\xfe.,negative\n"
        )
        file.write(b'"' + b"word " * 100_000 + b'",negative\n')
        file.write(f'"{sentences[0][0]}",{sentences[0][1]}\n'.encode())
    return path


@pytest.fixture(scope="session", name="write_csv")
def _write_csv():
    """The function `write_csv`."""
    return write_csv
