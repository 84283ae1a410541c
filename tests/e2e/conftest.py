"""What the end-to-end tests share: real texts, the command line, one full run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.texts import real_sentences, six_classes, write_csv

_TIMEOUT_SECONDS = 280


class Cli:
    """Starts `elmo-tfx` in a process of its own.

    A process is new and loads all itself, as a user's does, or is forked from one that
    has loaded all before, which is five seconds sooner at work.
    """

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
        self._loaded: subprocess.Popen | None = None

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

    def run_loaded(self, *args: str) -> subprocess.CompletedProcess:
        """Runs a command to its end in a fork of the process that has loaded all."""
        if self._loaded is None:
            self._loaded = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.loaded"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
                start_new_session=True,
            )
        with tempfile.TemporaryDirectory() as folder:
            files = {n: Path(folder, n) for n in ("stdout", "stderr")}
            command = {"args": [*map(str, args)], "cwd": str(self.folder)}
            command |= {name: str(path) for name, path in files.items()}
            self._loaded.stdin.write(json.dumps(command) + "\n")
            code = int(self._loaded.stdout.readline())
            out, err = files["stdout"].read_text(), files["stderr"].read_text()
        return subprocess.CompletedProcess(args, code, out, err)

    def close(self) -> None:
        """Ends the process that has loaded all, and what it may have left."""
        if self._loaded is not None:
            os.killpg(self._loaded.pid, signal.SIGKILL)
            self._loaded.communicate()

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
    """A run that was killed in its Trainer and then started again."""

    output: Path
    texts: Path
    """The file of the span that it read."""

    beside: subprocess.CompletedProcess
    """A run that was started into the same output while the killed one was at work."""

    done: subprocess.CompletedProcess
    """The run that took up what the killed one had left, and ended well."""


@pytest.fixture(scope="session")
def cli(repository, tmp_path_factory) -> Iterator[Cli]:
    """The command line, started in an empty folder."""
    with contextlib.closing(Cli(repository, tmp_path_factory.mktemp("cwd"))) as cli:
        yield cli


@pytest.fixture(scope="session")
def sentences() -> list[tuple[str, str]]:
    """200 real sentences with the label of their review, from the tfx package."""
    return real_sentences()


@pytest.fixture(scope="session")
def full_run(cli, sentences, tmp_path_factory) -> Run:
    """A whole run on real sentences of six classes and some rows that cannot be used.

    Its data is the span 2026-11-25; the run before it in its window was never made. All
    files that use it are the work of one test process.
    """
    folder = tmp_path_factory.mktemp("full")
    texts = folder / "data" / "2026-11-25" / "texts.csv"
    rows = six_classes(sentences)
    _write_texts(texts, rows)
    write_csv(folder / "data" / "2026-11-24" / "texts.csv", rows[:9])
    return Run(folder / "out", texts, *_interrupt_and_take_up(cli, folder))


def _interrupt_and_take_up(
    cli: Cli, folder: Path
) -> tuple[subprocess.CompletedProcess, subprocess.CompletedProcess]:
    """Returns the run that was started beside the killed one, and the one after it."""
    output = folder / "out"
    data = ("--data", folder / "data" / "{YYYY}-{MM}-{DD}" / "*.csv")
    command = ("run", *data, "--output", output, "--set=data.span=2026-11-25")
    command += ("--set=data.window_spans=2", *cli.quick)
    killed = cli.start(*command)
    for line in killed.stderr:
        if "] TextExampleGen" in line:
            break
    beside = cli.run(*command)
    for line in killed.stderr:
        if "] Transform" in line:  # has ended; the Trainer is at work
            break
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    killed_push = output / "serving" / f".1.{'0' * 32}.part"
    (killed_push / "variables").mkdir(parents=True)
    done = cli.run(*command)
    assert done.returncode == 0, done.stderr
    return beside, done


def _write_texts(path: Path, rows: list[tuple[str, str]]) -> None:
    text, label = rows[0]
    write_csv(path, rows)
    with path.open("ab") as file:
        file.write(
            f'"  \t ",{label}\n'.encode()  # no text
            + b"A text without a label.,\n"
            b"only one field\n"
            b"one,field,too many\n"
            + b"Not quite UTF-8: \xff\xfe.,%s\n"
            % label.encode()
        )
        file.write(b'"' + b"word " * 100_000 + b'",%s\n' % label.encode())
        file.write(f'"{text}",{label}\n'.encode())


@pytest.fixture(scope="session", name="write_csv")
def _write_csv():
    """The function `write_csv`."""
    return write_csv
