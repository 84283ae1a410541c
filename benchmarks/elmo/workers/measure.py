"""How each contender is measured: the same loops, whatever the library."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SORTED = "sorted by length"
AS_IT_COMES = "as it comes"
AGREEMENT_SENTENCES = 64  # one batch: the peers carry their states to the next
LATENCY_SENTENCES = 64

Sentences = list[list[str]]
# A batch of token lists to the mixed vectors (batch, time, dim) on the host.
Embed = Callable[[Sentences], np.ndarray]


def main(load: Callable[[dict[str, Any]], Embed], facts: Callable[[], dict]) -> None:
    """Reads the job named on the command line, measures, writes the result.

    Args:
        load: Makes the contender from the job; it is part of the memory measured.
        facts: Returns versions and the device, for the table.
    """
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    sentences = json.loads(Path(job["sentences"]).read_text("utf-8"))
    embed = load(job)
    result = _MEASURES[job["measure"]](embed, sentences, job)
    finish(job, {**result, **facts()})


def finish(job: dict[str, Any], result: dict[str, Any]) -> None:
    """Writes a result to where the job says."""
    Path(job["result"]).write_text(json.dumps(result), "utf-8")


def in_order(sentences: Sentences, order: str) -> Sentences:
    """Returns the sentences in one of the two orders."""
    return sorted(sentences, key=len) if order == SORTED else sentences


def batches(sentences: Sentences, size: int) -> list[Sentences]:
    """Cuts the sentences into batches; the last may be smaller."""
    return [sentences[at : at + size] for at in range(0, len(sentences), size)]


def peak_mib() -> float:
    """Returns the largest resident size of this process so far.

    Read from /proc, for getrusage counts the process that it was forked from as well.
    """
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024  # in KiB
    raise OSError("/proc/self/status lacks VmHWM: this benchmark needs Linux")


def _throughput(embed: Embed, sentences: Sentences, job: dict) -> dict[str, Any]:
    cut = batches(in_order(sentences, job["order"]), job["batch"])
    _seconds(embed, cut)  # the warm-up
    seconds = min(_seconds(embed, cut) for _ in range(job["repeats"]))
    tokens = sum(map(len, sentences))
    return {"tokens_per_second": tokens / seconds, "seconds": seconds}


def _memory(embed: Embed, sentences: Sentences, job: dict) -> dict[str, Any]:
    _seconds(embed, batches(in_order(sentences, job["order"]), job["batch"]))
    return {"peak_mib": peak_mib()}  # import, load and one pass


def _seconds(embed: Embed, cut: list[Sentences]) -> float:
    start = time.perf_counter()
    for batch in cut:
        embed(batch)
    return time.perf_counter() - start


def _latency(embed: Embed, sentences: Sentences, job: dict) -> dict[str, Any]:
    single = batches(sentences[:LATENCY_SENTENCES], 1)
    _seconds(embed, single)  # the warm-up
    milliseconds = [1000 * _seconds(embed, [batch]) for batch in single]
    return {"latency_ms": statistics.median(milliseconds)}


def _agreement(embed: Embed, sentences: Sentences, job: dict) -> dict[str, Any]:
    first = sentences[:AGREEMENT_SENTENCES]
    vectors = np.asarray(embed(first), dtype="float32")
    # Real tokens only: what stands at the padding is each library's own affair.
    rows = [row[: len(sentence)] for row, sentence in zip(vectors, first)]  # noqa: B905
    np.save(job["vectors"], np.concatenate(rows))
    return {}


_MEASURES = {
    "throughput": _throughput,
    "memory": _memory,
    "latency": _latency,
    "agreement": _agreement,
}
