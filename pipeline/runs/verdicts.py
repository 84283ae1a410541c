"""What became of a run's model, and why: from its summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pipeline.runs.past_runs import PastRun
from pipeline.runs.summary import RunSummary
from pipeline.runs.summary_text import drift_warnings, not_served, unread_spans


def past_run(summary: RunSummary) -> PastRun:
    """Returns what is kept of a run that ended well.

    Raises:
        ValueError: The summary does not say when the run began.
    """
    evaluation, rows, spans = summary.evaluation, summary.rows, summary.spans
    verdict = verdict_of(summary)
    if summary.began is None:
        raise ValueError(f"`began` must be known. Received: run {summary.run_id!r}")
    return PastRun(
        run_id=summary.run_id,
        verdict=verdict,
        began=summary.began,
        ended=summary.ended,
        seconds=summary.seconds,
        span=spans.newest if spans else None,
        rows=rows.used if rows else None,
        measures=evaluation.metrics if evaluation else {},
        version=version_of_run(summary),
        reasons=refusal_reasons(summary) if verdict == "refused" else [],
        warnings=list(data_warnings(summary)),
        log=summary.log,
    )


def verdict_of(summary: RunSummary) -> Literal["pushed", "refused", "nothing new"]:
    """Returns what came of a run that ended well."""
    push = summary.push
    if push is None or not push.pushed:
        return "refused"
    return "pushed" if push.now else "nothing new"


def version_of_run(summary: RunSummary) -> int | None:
    """Returns the version that has a run's model; None: none, or it is gone."""
    if summary.push is None or not summary.push.path:
        return None
    return int(summary.push.path.rstrip("/").rpartition("/")[2])


def refusal_reasons(summary: RunSummary) -> list[str]:
    """Returns why a model was not pushed, a line each."""
    evaluation, serving = summary.evaluation, summary.serving_check
    reasons: list[str] = []
    if evaluation is not None and not evaluation.blessed:
        reasons += evaluation.failures
    if serving is not None and not serving.blessed:
        reasons += serving.reasons or ()
    # The Pusher has no other cause than the two checks and this one.
    return reasons or ["the model was withdrawn by a rollback"]


def data_warnings(summary: RunSummary) -> Iterator[str]:
    """Yields how a span has drifted, which were not read, and what is not served."""
    drift = ", ".join(drift_warnings(summary.drift))
    if drift:
        yield f"drift: {drift}"
    if summary.spans and summary.spans.unread:
        yield unread_spans(summary.spans)
    yield from not_served(summary.push)
