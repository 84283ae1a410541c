"""What came of one scheduled run, as its process writes it down for the schedule."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

import pydantic

from pipeline.errors import brief_line
from pipeline.runs.past_runs import PastRun
from pipeline.runs.summary import RunSummary
from pipeline.runs.verdicts import (
    data_warnings,
    refusal_reasons,
    verdict_of,
    version_of_run,
)

Kind = Literal["pushed", "refused", "nothing new", "failed", "interrupted"]


@dataclass(frozen=True)
class Outcome:
    """What came of a run; what does not apply is None or empty.

    Attributes:
        outcome: `pushed`, `refused` (by the checks of the model), `nothing new`,
            `failed`, or `interrupted` (by the end of the schedule).
        log: Path of the log to look into; None: the output of the run's process.
        run_id: TFX's name of the run; where nothing was new, of the last one.
        span: Name of the span that was read, where the data has spans.
        version: The version that was pushed, or is still served.
        removed_versions: Old versions that were removed, oldest first.
        reasons: Why the model was refused, a line each.
        warnings: How the span that was let pass has drifted, and which spans no run
            has read, a line each.
        accuracy: Of the new model on the test data, from 0 to 1.
        component: The node that failed, where one had begun.
        reason: Why the run failed, or why nothing was new; one line.
    """

    outcome: Kind
    log: str | None = None
    run_id: str | None = None
    span: str | None = None
    version: int | None = None
    removed_versions: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    accuracy: pydantic.FiniteFloat | None = None
    component: str | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes, all of them of JSON's types."""
        return dataclasses.asdict(self)

    def past_run(self) -> PastRun:
        """Returns the run, as far as its outcome tells of it; it began now."""
        reasons = [self.reason] if self.reason else list(self.reasons)
        return PastRun(
            run_id=self.run_id or "",
            verdict=self.outcome,
            began=datetime.now(timezone.utc),
            span=self.span,
            version=self.version,
            measures={} if self.accuracy is None else {"accuracy": self.accuracy},
            component=self.component,
            reasons=reasons,
            warnings=list(self.warnings),
            log=self.log,
        )

    @classmethod
    def from_json(cls, text: bytes | str) -> Outcome:
        """Returns what `to_json` wrote; keys that are unknown are passed over.

        Raises:
            ValueError: It is not JSON, or a value is missing or of another type.
        """
        return pydantic.TypeAdapter(cls).validate_json(text, strict=True)


def outcome_of(
    summary: RunSummary, *, run_id: str, removed: Sequence[int] = ()
) -> Outcome:
    """Returns what came of a run that ended well.

    Args:
        summary: Of the run, with its Pusher.
        run_id: TFX's name of the run.
        removed: The versions that were removed after it.
    """
    evaluation, spans = summary.evaluation, summary.spans
    verdict = verdict_of(summary)
    return Outcome(
        verdict,
        log=summary.log,
        run_id=run_id,
        span=spans.newest if spans else None,
        version=version_of_run(summary),
        removed_versions=tuple(removed),
        reasons=tuple(refusal_reasons(summary)) if verdict == "refused" else (),
        warnings=tuple(data_warnings(summary)),
        accuracy=evaluation.metrics["accuracy"] if evaluation else None,
        reason="every node found its result of an earlier run"
        if verdict == "nothing new"
        else None,
    )


def failure(
    reason: str,
    *,
    log: str | None = None,
    component: str | None = None,
    run_id: str | None = None,
) -> Outcome:
    """Returns the outcome of a run that failed.

    Args:
        reason: Why; several lines become one.
        log: Path of the run's log, if it had begun one.
        component: The node that failed, if one had begun.
        run_id: TFX's name of the run, if it had one.
    """
    return Outcome(
        "failed", log, run_id, component=component or None, reason=brief_line(reason)
    )
