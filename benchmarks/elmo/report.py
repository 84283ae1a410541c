"""The results as Markdown: speed, training, goals, conditions."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import markdown
from benchmarks.elmo.contenders import KEEP_MEMORY, MEMORY_BATCH, TRAINING_BATCHES
from benchmarks.elmo.figures import (
    Results,
    best_run,
    disagreeing,
    judge,
    ratio,
    share_of_peak,
    step_cost,
)
from benchmarks.markdown import NONE

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


def report(results: Results) -> str:
    """Returns the whole report."""
    return markdown.joined(
        markdown.table(_SPEED_COLUMNS, _speed_rows(results)),
        *(f"**Not one computation:** {name}." for name in disagreeing(results)),
        _training(results),
        markdown.goal_list(judge(results)),
        markdown.bullets(_conditions(results)),
    )


def failures(results: Results) -> Iterator[str]:
    """Yields what should have been measured and failed, and who disagrees."""
    for name, model in results["models"].items():
        for part in (model["contenders"], model["training"]):
            for each, result in part.items():
                if result.get("failed"):
                    yield f"{name}, {each}: {result['missing']}"
    for name in disagreeing(results):
        yield f"{name} disagrees"


def _speed_rows(results: Results) -> Iterator[list[str]]:
    gflops = results["peak"]["gflops"]
    for name, model in results["models"].items():
        for contender, each in model["contenders"].items():
            if "missing" in each:
                reason = f"not measured: {each['missing']}"
                yield [name, contender, reason, *[NONE] * 6]
                continue
            run, times, cosine = best_run(each), ratio(model, each), "min_cosine"
            yield [
                name,
                contender,
                f"{run['batch']}, {run['order']}",
                f"{run['tokens_per_second']:,.0f}",
                NONE if times is None else f"{times:.2f}",
                f"{share_of_peak(each, gflops):.0%}",
                f"{each[cosine]:.6f}" if cosine in each else NONE,
                f"{each['latency_ms']:.1f}",
                f"{each['peak_mib']:,.0f}",
            ]


def _training(results: Results) -> str:
    rows = []
    for name, model in results["models"].items():
        for kind, each in model["training"].items():
            if "missing" in each:
                cells = [f"not measured: {each['missing']}", NONE, NONE]
            else:
                seconds = (each["forward_seconds"], each["step_seconds"])
                cells = [f"{value:.2f}" for value in (*seconds, step_cost(each))]
            rows.append([name, kind, *cells])
    if not rows:
        return ""
    introduction = (
        "A fit step of a classifier beside the forward pass of the same model, each "
        f"over {TRAINING_BATCHES} batches of {MEMORY_BATCH} sentences as they come:"
    )
    return f"{introduction}\n\n{markdown.table(_TRAINING_COLUMNS, rows)}"


def _conditions(results: Results) -> list[str]:
    facts, peak = results["conditions"], results["peak"]
    rates = ", ".join(
        f"{rate:,.0f} GFLOP/s in {dtype}" for dtype, rate in peak["gflops"].items()
    )
    return [
        markdown.machine(facts),
        f"keras_elmo and the peak on {peak['device']}. Peak: the best square matrix "
        f"product of TensorFlow: {rates}.",
        f"{facts['sentences']} sentences, {facts['tokens']:,} tokens of "
        f"{facts['source']}, split at spaces; random weights, the same for all; from "
        "lists of tokens to mixed vectors on the host, every pass in a process of its "
        f"own: one to warm up, then the best of {facts['repeats']}.",
        "Needed operations: the LSTMs on every token and mark, the token encoder once "
        "for each distinct token of a batch. Cosine: to keras_elmo in float32, the "
        "lowest of the first batch. One sentence: the median of 64. Peak MiB: of the "
        f"whole process, batch {MEMORY_BATCH} as it comes.",
        f"The peers' speed is measured with {', '.join(KEEP_MEMORY)} set, which makes "
        "them faster; their memory without.",
        *(
            f"{name}: {markdown.versions(each)}."
            for name, each in facts["versions"].items()
        ),
    ]
