"""The goals, and whether a run meets them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.elmo.figures import (
    Results,
    measured,
    peers,
    ratio,
    share_of_peak,
    step_cost,
)
from benchmarks.goal import Goal, at_least

_SPEED = {
    ("small", "float32"): 6,
    ("original", "float32"): 6,
    ("original", "bfloat16"): 10,
}
_SHARE = 0.70
_COSINE = 0.999
_STEP_COST = {"frozen": 1.3, "trainable": 3.5}


def judge(results: Results) -> list[Goal]:
    """Gives every goal of the models that were run."""
    gflops = results["peak"]["gflops"]
    goals: list[Goal] = []
    for name, model in results["models"].items():
        goals += _contender_goals(name, model, gflops)
        goals += _training_goals(name, model)
    return goals


def _contender_goals(
    name: str, model: Results, gflops: dict[str, float]
) -> Iterator[Goal]:
    for dtype in ("float32", "bfloat16"):
        where = f"{name} model, {dtype}"
        ours = measured(model).get(f"keras_elmo {dtype}")
        if ours is None:
            yield Goal(f"{where}: all goals", "not measured", None)
            continue
        if (name, dtype) in _SPEED:
            wanted = _SPEED[name, dtype]
            text = f"{where}: at least {wanted} times the faster peer"
            yield at_least(text, ratio(model, ours), wanted, "{:.1f} times")
        text = f"{where}: at least {_SHARE:.0%} of the matrix-product peak"
        yield at_least(text, share_of_peak(ours, gflops), _SHARE, "{:.0%}")
        if dtype == "bfloat16":
            text = f"{where}: cosine to float32 at least {_COSINE}, every token"
            yield at_least(text, ours.get("min_cosine"), _COSINE, "{:.5f}")
            continue
        for key, what, unit in (
            ("latency_ms", "latency of one sentence below that of either peer", "ms"),
            ("peak_mib", "peak memory below that of either peer", "MiB"),
        ):
            theirs = min((peer[key] for peer in peers(model)), default=None)
            yield _below(f"{where}: {what}", ours[key], theirs, unit)


def _training_goals(name: str, model: Results) -> Iterator[Goal]:
    for kind, wanted in _STEP_COST.items():
        text = f"{name} model, biLM {kind}: a fit step costs at most {wanted} forward"
        training = model["training"].get(kind)
        if training is None or "missing" in training:
            yield Goal(text, "not measured", None)
        else:
            cost = step_cost(training)
            yield Goal(text, f"{cost:.2f}", cost <= wanted)


def _below(text: str, ours: float, theirs: float | None, unit: str) -> Goal:
    if theirs is None:
        return Goal(text, f"{ours:,.1f} {unit}; no peer was measured", None)
    return Goal(text, f"{ours:,.1f} against {theirs:,.1f} {unit}", ours < theirs)
