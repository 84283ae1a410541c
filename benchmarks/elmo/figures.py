"""What the table says, computed from the raw results."""

from __future__ import annotations

from typing import Any

Results = dict[str, Any]
TOLERANCE = 1e-4  # on vectors; beyond it two contenders do not compute the same


def best_run(contender: Results) -> Results:
    """Gives the setting in which a contender is fastest."""
    return max(contender["runs"], key=lambda run: run["tokens_per_second"])


def speed(contender: Results) -> float:
    """Gives the tokens per second of the best setting."""
    return best_run(contender)["tokens_per_second"]


def measured(model: Results) -> Results:
    """Gives the contenders of a model that have figures, by name."""
    contenders = model["contenders"].items()
    return {name: each for name, each in contenders if "missing" not in each}


def peers(model: Results) -> list[Results]:
    """Gives the peers that have figures."""
    return [each for each in measured(model).values() if each["is_peer"]]


def ratio(model: Results, contender: Results) -> float | None:
    """Gives the speed relative to the faster peer; None if no peer was measured."""
    speeds = [speed(peer) for peer in peers(model)]
    return speed(contender) / max(speeds) if speeds else None


def share_of_peak(contender: Results, gflops: dict[str, float]) -> float:
    """Gives the part of the peak, in the best setting, that needed operations make."""
    run = best_run(contender)
    needed = 2 * run["multiply_adds"] / run["seconds"] / 1e9
    return needed / gflops[contender["dtype"]]


def step_cost(training: Results) -> float:
    """Gives the seconds of a fit step over those of a forward pass."""
    return training["step_seconds"] / training["forward_seconds"]


def disagreeing(results: Results) -> list[str]:
    """Names the float32 contenders whose vectors differ from the reference's."""
    return [
        f"{contender} ({name} model)"
        for name, model in results["models"].items()
        for contender, each in measured(model).items()
        if each["dtype"] == "float32" and each.get("max_difference", 0) > TOLERANCE
    ]
