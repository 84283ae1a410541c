"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.elmo.contenders import KEEP_MEMORY, MEMORY_BATCH, TRAINING_BATCHES
from benchmarks.elmo.figures import (
    Results,
    best_run,
    disagreeing,
    ratio,
    share_of_peak,
    step_cost,
)
from benchmarks.elmo.goals import judge
from benchmarks.markdown import table

_NONE = "–"
_SPEED_COLUMNS = (
    "Model",
    "Contender",
    "Best batch, order",
    "Tokens/s",
    "To the faster peer",
    "Share of the peak",
    "Lowest cosine",
    "One sentence, ms",
    "Peak MiB",
)
_TRAINING_COLUMNS = ("Model", "biLM", "Forward, s", "Fit step, s", "Ratio")
_MET = {True: "met", False: "**not met**", None: "not measured"}


def markdown(results: Results) -> str:
    """Gives the whole report: speed, training, goals, conditions."""
    parts = [
        table(_SPEED_COLUMNS, _speed_rows(results)),
        *(f"**Not one computation:** {name}." for name in disagreeing(results)),
        "A fit step of a classifier beside the forward pass of the same model, each "
        f"over {TRAINING_BATCHES} batches of {MEMORY_BATCH} sentences as they come:",
        table(_TRAINING_COLUMNS, _training_rows(results)),
        table(
            ("Goal", "Measured", ""),
            ((goal.text, goal.value, _MET[goal.met]) for goal in judge(results)),
        ),
        "\n".join(f"- {line}" for line in _conditions(results)),
    ]
    return "\n\n".join(parts) + "\n"


def _speed_rows(results: Results) -> Iterator[list[str]]:
    gflops = results["peak"]["gflops"]
    for name, model in results["models"].items():
        for contender, each in model["contenders"].items():
            if "missing" in each:
                cell = f"not measured: {each['missing']}"
                yield [name, contender, cell, *[_NONE] * 6]
                continue
            run = best_run(each)
            times = ratio(model, each)
            cosine = each.get("min_cosine")
            yield [
                name,
                contender,
                f"{run['batch']}, {run['order']}",
                f"{run['tokens_per_second']:,.0f}",
                _NONE if times is None else f"{times:.2f}",
                f"{share_of_peak(each, gflops):.0%}",
                _NONE if cosine is None else f"{cosine:.6f}",
                f"{each['latency_ms']:.1f}",
                f"{each['peak_mib']:,.0f}",
            ]


def _training_rows(results: Results) -> Iterator[list[str]]:
    for name, model in results["models"].items():
        for kind, each in model["training"].items():
            if "missing" in each:
                yield [name, kind, f"not measured: {each['missing']}", _NONE, _NONE]
                continue
            seconds = (each["forward_seconds"], each["step_seconds"])
            times = [f"{value:.2f}" for value in seconds]
            yield [name, kind, *times, f"{step_cost(each):.2f}"]


def _conditions(results: Results) -> Iterator[str]:
    facts, peak = results["conditions"], results["peak"]
    yield (
        f"{facts['date']}; {facts['cpu']}, {facts['cores']} cores; keras_elmo and "
        f"the peak on {peak['device']}; load average of the machine "
        f"{facts['load_before']:.1f} before and {facts['load_after']:.1f} after."
    )
    rates = ", ".join(
        f"{rate:,.0f} GFLOP/s in {dtype}" for dtype, rate in peak["gflops"].items()
    )
    yield f"Peak: the best square matrix product of TensorFlow: {rates}."
    yield (
        f"{facts['sentences']} sentences, {facts['tokens']:,} tokens of "
        f"{facts['source']}, split at spaces; random weights, the same for all; from "
        "lists of tokens to mixed vectors on the host, every pass in a process of its "
        f"own: one to warm up, then the best of {facts['repeats']}."
    )
    yield (
        "Needed operations: the LSTMs on every token and mark, the token encoder once "
        "for each distinct token of a batch. Cosine: to keras_elmo in float32, the "
        "lowest of the first batch. One sentence: the median of 64. Peak MiB: of the "
        f"whole process, batch {MEMORY_BATCH} as it comes."
    )
    names = ", ".join(KEEP_MEMORY)
    yield (
        f"The peers' speed is measured with {names} set, which makes them faster; "
        "their memory without."
    )
    for name, versions in facts["versions"].items():
        listed = ", ".join(
            f"{package} {number}" for package, number in versions.items()
        )
        yield f"{name}: {listed}."
