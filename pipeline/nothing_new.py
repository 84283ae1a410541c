"""What a run says that had nothing to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NothingNew:
    """Why a run need not begin: the last one had the same data, options and code.

    Args:
        run_id: That run.
        since: When it ended, `2026-11-26 03:04 UTC`.
        span: Name of the span, or None where the data has none.
        waiting: Which later spans wait for which file, or empty.
    """

    run_id: str
    since: str
    span: str | None
    waiting: str = ""

    def __str__(self) -> str:
        span = f" in span {self.span}" if self.span else ""
        return (
            f"nothing new{span} since the run that ended {self.since} "
            f"({self.run_id}): same data, options and code"
            + (f"; {self.waiting}" if self.waiting else "")
        )
