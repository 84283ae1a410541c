"""Tries an exported model in a process that has TensorFlow and nothing of this project.

A program, never imported by the executor; the folder is its own import path:

    python -I replay/ --model DIR --report FILE --text-feature NAME [--examples FILE]

It reads `DIR/assets.extra/tf_serving_warmup_requests`, a TFRecord of serialised
`tensorflow.serving.PredictionLog`, each with a `predict_log` whose request names its
signature in `model_spec.signature_name` (empty: `serving_default`) and holds one string
tensor `[batch]` in `inputs`, under the name that the signature gives it: raw texts for
`predict_text`, serialised tf.Examples for `serving_default` and `transform_features`.

The report is rewritten after every check, so that a killed process leaves its results
so far and, under `running`, the name of the check that it was in. Exit status 0 means
that the report is complete, whatever it says; any other status is a fault of this
program.
"""

from __future__ import annotations

import argparse
import importlib.abc
import json
import os
import resource
import sys
from collections.abc import Sequence
from typing import Any

FORBIDDEN = (
    "apache_beam",
    "components",
    "keras_elmo",
    "kubeflow",
    "pipeline",
    "tensorflow_data_validation",
    "tensorflow_hub",
    "tensorflow_model_analysis",
    "tensorflow_text",
    "tensorflow_transform",
    "tfx",
    "tfx_bsl",
)
# TensorFlow looks these up, and imports them if it can; it also works without.
HOLLOW = ("keras", "tf_keras")


class ImportBlocker(importlib.abc.MetaPathFinder):
    """Makes packages look absent, or empty.

    Args:
        forbidden: Top-level packages that cannot be found.
        hollow: Top-level packages that are found but whose modules are not.
    """

    def __init__(self, forbidden: Sequence[str], hollow: Sequence[str] = ()) -> None:
        self.forbidden = frozenset(forbidden)
        self.hollow = frozenset(hollow)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        package, _, inner = fullname.partition(".")
        if package in self.forbidden or (inner and package in self.hollow):
            raise ModuleNotFoundError(f"`{fullname}` is blocked", name=fullname)


def main() -> None:
    """Runs the checks in order and reports on them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--text-feature", required=True)
    parser.add_argument("--examples")
    options = parser.parse_args()

    sys.meta_path.insert(0, ImportBlocker(FORBIDDEN, HOLLOW))
    import checks
    import tensorflow as tf

    replay = checks.Replay(options.model, options.text_feature, options.examples)
    done: list[dict[str, Any]] = []
    report = {"tensorflow": tf.__version__, "checks": done, "facts": replay.facts}
    for name in replay.names():
        report["running"] = name
        _write(options.report, report)
        done.append(replay.run(name))
    packages = {name.partition(".")[0] for name in sys.modules}
    leaked = sorted(packages & {*FORBIDDEN, *HOLLOW})
    if leaked:
        raise SystemExit(
            f"not isolated: {', '.join(leaked)} were imported with TensorFlow"
        )
    replay.facts["peak_memory_bytes"] = _peak_memory_bytes()
    report["running"] = None
    _write(options.report, report)


def _peak_memory_bytes() -> int:
    # Linux's ru_maxrss begins with the memory of the process that started this one.
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            peaks = [line.split()[1] for line in file if line.startswith("VmHWM:")]
    except FileNotFoundError:
        peaks = []
    if peaks:
        return int(peaks[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, else KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _write(path: str, report: dict[str, Any]) -> None:
    partial = path + ".partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
    os.replace(partial, path)


if __name__ == "__main__":
    main()
