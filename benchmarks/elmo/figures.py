"""What the table says, computed from the raw results, and whether the goals are met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.markdown import Goal, at_least, at_most

Results = dict[str, Any]
TOLERANCE = 1e-4  # on vectors; beyond it two contenders do not compute the same
_SPEED = {
    ("small", "float32"): 6,
    ("original", "float32"): 6,
    ("original", "bfloat16"): 10,
}
_SHARE = 0.70
_COSINE = 0.999
_STEP_COST = {"frozen": 1.3, "trainable": 3.5}


def best_run(contender: Results) -> Results:
    """Returns the setting in which a contender is fastest."""
    return max(contender["runs"], key=lambda run: run["tokens_per_second"])


def speed(contender: Results) -> float:
    """Returns the tokens per second of the best setting."""
    return best_run(contender)["tokens_per_second"]


def measured(model: Results) -> Results:
    """Returns the contenders of a model that have figures, by name."""
    contenders = model["contenders"].items()
    return {name: each for name, each in contenders if "missing" not in each}


def peers(model: Results) -> list[Results]:
    """Returns the peers that have figures."""
    return [each for each in measured(model).values() if each["is_peer"]]


def ratio(model: Results, contender: Results) -> float | None:
    """Returns the speed relative to the faster peer; None if no peer was measured."""
    speeds = [speed(peer) for peer in peers(model)]
    return speed(contender) / max(speeds) if speeds else None


def share_of_peak(contender: Results, gflops: dict[str, float]) -> float:
    """Returns the part of the peak, in the best setting, of the needed operations."""
    run = best_run(contender)
    needed = 2 * run["multiply_adds"] / run["seconds"] / 1e9
    return needed / gflops[contender["dtype"]]


def step_cost(training: Results) -> float:
    """Returns the seconds of a fit step over those of a forward pass."""
    return training["step_seconds"] / training["forward_seconds"]


def disagreeing(results: Results) -> list[str]:
    """Names the float32 contenders whose vectors differ from the reference's."""
    return [
        f"{contender} ({name} model)"
        for name, model in results["models"].items()
        for contender, each in measured(model).items()
        if each["dtype"] == "float32" and each.get("max_difference", 0) > TOLERANCE
    ]


def judge(results: Results) -> Iterator[Goal]:
    """Yields every goal of the models that were run."""
    gflops = results["peak"]["gflops"]
    for name, model in results["models"].items():
        yield from _contender_goals(name, model, gflops)
        for kind, wanted in _STEP_COST.items():
            training = model["training"].get(kind)
            has_figures = training is not None and "missing" not in training
            yield at_most(
                f"{name} model, biLM {kind}: a fit step costs at most {wanted} forward",
                step_cost(training) if has_figures else None,
                wanted,
                "{:.2f}",
            )


def _contender_goals(
    name: str, model: Results, gflops: dict[str, float]
) -> Iterator[Goal]:
    for dtype in ("float32", "bfloat16"):
        where = f"{name} model, {dtype}"
        ours = measured(model).get(f"keras_elmo {dtype}")
        if ours is None:
            yield Goal(f"{where}: all goals", "", None)
            continue
        if wanted := _SPEED.get((name, dtype)):
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
            met = None if theirs is None else ours[key] < theirs
            value = "" if met is None else f"{ours[key]:,.1f} against {theirs:,.1f}"
            yield Goal(f"{where}: {what}", f"{value} {unit}", met)
