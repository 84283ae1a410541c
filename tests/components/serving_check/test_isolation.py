from __future__ import annotations

import importlib.util
import resource
import sys

import numpy as np
import pytest
import tensorflow as tf

from components.serving_check import isolation
from components.serving_check.isolation import ServingCheckError
from components.serving_check.replay.__main__ import FORBIDDEN, HOLLOW, ImportBlocker


def _replay(folder: str, examples=(), timeout_seconds: int = 120) -> dict:
    return isolation.replay(
        folder,
        text_feature="text",
        examples=examples,
        timeout_seconds=timeout_seconds,
    )


def _faults(report: dict) -> dict[str, str]:
    return {check["name"]: check["fault"] for check in report["checks"]}


def test_a_good_model_passes_every_check_and_is_measured(
    tiny_model, export_model, make_example, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "nothing"))
    export_model(tiny_model(), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    ballast = np.ones(600_000_000, np.uint8)
    report = _replay("model", examples=[make_example(b"so so"), make_example(b"dull")])
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    faults = _faults(report)
    assert set(faults.values()) == {None}, faults
    assert list(faults) == [
        *["load", "signatures", "replay_requests", "real_examples"],
        *["edge_texts", "batches", "latency"],
    ]
    facts = report["facts"]
    assert facts["warm_up_requests"] == 3
    assert facts["examples"] == 2
    assert 0 < facts["median_latency_seconds"] < 5
    assert 50e6 < facts["peak_memory_bytes"] < own_peak - ballast.nbytes / 2
    assert report["tensorflow"] == tf.__version__


def test_a_model_that_needs_python_code_is_found_out(
    tiny_model, export_model, tmp_path
):
    class NeedsPython(tiny_model):
        def probabilities(self, text):
            half = tf.numpy_function(
                lambda t: np.full([len(t), 2], 0.5, np.float32), [text], tf.float32
            )
            return tf.ensure_shape(half, [None, 2])

    faults = _faults(_replay(export_model(NeedsPython(), tmp_path / "model")))
    assert faults["load"] is None
    assert "`predict_text` failed" in faults["replay_requests"]
    assert "pyfunc" in faults["replay_requests"]


@pytest.mark.slow
def test_a_model_that_hangs_is_stopped_and_the_check_named(
    tiny_model, export_model, tmp_path
):
    class Hangs(tiny_model):
        def probabilities(self, text):
            own = super().probabilities(text)
            return tf.while_loop(lambda x: tf.reduce_sum(x) > 0, lambda x: [x], [own])[
                0
            ]

    folder = export_model(Hangs(), tmp_path / "model")
    report = _replay(folder, timeout_seconds=3)
    last = report["checks"][-1]
    assert last["name"] == "replay_requests"
    assert last["fault"] == "it did not end within `timeout_seconds`: 3"


def test_a_process_with_no_time_to_begin_says_nothing_about_the_model(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(isolation, "_START_SECONDS", 0.3)
    with pytest.raises(ServingCheckError, match="not imported within 0.3 seconds"):
        _replay(str(tmp_path))


_DIES = """
import json, os, sys
report = sys.argv[sys.argv.index("--report") + 1]
with open(report, "w") as file:
    json.dump({"running": "edge_texts", "checks": [], "facts": {}}, file)
print("written before the end", file=sys.stderr, flush=True)
"""


def _program(monkeypatch, folder, end: str) -> None:
    program = folder / "program.py"
    program.write_text(_DIES + end, encoding="utf-8")
    monkeypatch.setattr(isolation, "_PROGRAM", program)


def test_a_model_that_kills_its_process_has_a_fault_in_that_check(
    tmp_path, monkeypatch
):
    _program(monkeypatch, tmp_path, "os.kill(os.getpid(), 9)")
    (check,) = _replay("model")["checks"]
    assert check["name"] == "edge_texts"
    assert check["fault"] == "the process was ended by signal 9 (SIGKILL)"


def test_a_program_that_fails_by_itself_is_an_error_with_its_output(
    tmp_path, monkeypatch
):
    _program(monkeypatch, tmp_path, "raise ZeroDivisionError")
    with pytest.raises(ServingCheckError, match="status 1\n  written before the end"):
        _replay("model")


def test_what_is_blocked_cannot_be_imported_although_it_is_installed(monkeypatch):
    blocker = ImportBlocker(FORBIDDEN, HOLLOW)
    monkeypatch.setattr(sys, "meta_path", [blocker, *sys.meta_path])
    for name in ("components.serving_check.isolation", "keras.layers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.raises(ModuleNotFoundError, match=f"`{name}` is blocked"):
            importlib.import_module(name)
    assert importlib.util.find_spec("keras") is not None
