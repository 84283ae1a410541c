"""Runs the replay program in a process of its own and returns its report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.serving_check import replay as program
from keras_elmo.paths import absolute


class ServingCheckError(RuntimeError):
    """The check itself could not be made; this says nothing about the model."""


_PROGRAM = Path(program.__path__[0])
_SHOWN_CHARS = 2000
_POLL_SECONDS = 0.1
_START_SECONDS = 300  # for the import of TensorFlow in the new process


def replay(
    model_dir: str,
    *,
    text_feature: str,
    examples: Sequence[bytes],
    timeout_seconds: int,
) -> dict[str, Any]:
    """Replays the model's requests where only TensorFlow can be imported.

    The process runs isolated (`python -I`), in an empty folder, without variables
    that start with PYTHON, and without a GPU: a trainer in this process may hold all
    of its memory, and a model must be servable on a CPU.

    Args:
        model_dir: Folder of the SavedModel.
        text_feature: Name of the text in the tf.Examples of `serving_default`.
        examples: Serialised tf.Examples to ask `serving_default` and
            `transform_features` about; may be empty.
        timeout_seconds: Time for all checks together; then the program is killed.
            It begins when TensorFlow is imported there.

    Returns:
        The program's report: `tensorflow` (its version), `facts` and `checks`, each
        with `name`, `seconds` and `fault` (None, or what is wrong with the model). If
        the model made the program hang or die, the check that it was in has that fault.

    Raises:
        ServingCheckError: The program itself failed, or TensorFlow was not imported.
    """
    with tempfile.TemporaryDirectory(prefix="serving_check_") as folder:
        root = Path(folder)
        report = root / "report.json"
        # The program is in another folder, so a relative path would lead it astray.
        place = model_dir if "://" in model_dir else absolute(model_dir)
        command = [sys.executable, "-I", str(_PROGRAM), "--model", place]
        command += ["--report", str(report), "--text-feature", text_feature]
        if examples:
            path = str(root / "examples.tfrecord")
            with tf.io.TFRecordWriter(path) as writer:
                for example in examples:
                    writer.write(example)
            command += ["--examples", path]
        status, output = _run(command, root, report, timeout_seconds)
        result: dict[str, Any] = {}
        if report.exists():
            result = json.loads(report.read_text(encoding="utf-8"))
    running = result.pop("running", None)
    if status == 0 and result:
        return result
    if status is None:
        fault = f"it did not end within `timeout_seconds`: {timeout_seconds}"
        if running is None:
            fault = f"TensorFlow was not imported within {_START_SECONDS} seconds"
    elif status < 0:
        fault = f"the process was ended by signal {_signal_name(-status)}"
    else:
        fault = f"the process ended with status {status}"
    if running is None or (status is not None and status >= 0):
        raise ServingCheckError(
            f"the replay program could not judge the model: {fault}\n"
            f"{textwrap.indent(output, '  ')}".rstrip()
        )
    result["checks"].append({"name": running, "seconds": None, "fault": fault})
    return result


def _run(
    command: list[str], root: Path, report: Path, timeout_seconds: float
) -> tuple[int | None, str]:
    """Returns the exit status, None after a timeout, and the end of the output."""
    empty = root / "empty"
    empty.mkdir()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    with (root / "output").open("w+b") as output:
        process = subprocess.Popen(
            command,
            cwd=empty,
            env={**environ, "CUDA_VISIBLE_DEVICES": "-1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            status = _wait(process, report, timeout_seconds)
        finally:
            # Also if this process is interrupted; with all processes of its group.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")[-_SHOWN_CHARS:]


def _wait(
    process: subprocess.Popen[bytes], report: Path, timeout_seconds: float
) -> int | None:
    # The program writes its report for the first time when TensorFlow is imported,
    # which on a busy machine takes longer than a small model's checks.
    deadline = time.monotonic() + _START_SECONDS
    begun = False
    while process.poll() is None:
        if not begun and report.exists():
            begun = True
            deadline = time.monotonic() + timeout_seconds
        if time.monotonic() > deadline:
            return None
        time.sleep(_POLL_SECONDS)
    return process.returncode


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
