"""What a summary says of spans: which were used, and how far the newest one lies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def span_lines(spans: dict[str, Any] | None) -> Iterable[str]:
    """Gives the newest span, and of what the window consists."""
    if spans is None:
        return
    yield spans["newest"]
    if len(spans["window"]) > 1:
        rows = [f"{name} ({used:,} rows)" for name, used in spans["window"].items()]
        yield "trained and tested on " + ", ".join(rows)
        yield "rows and classes below are those of the newest one"
    if spans.get("unread"):
        first = spans["unread"][0]
        yield f"{unread_spans(spans)}; --set data.span={first} reads one"


def unread_spans(spans: dict[str, Any]) -> str:
    """Says which spans of the window no run has read, or the gate did not let pass."""
    return f"of the window, {', '.join(spans['unread'])} were not read or did not pass"


def drift_lines(drift: dict[str, Any] | None) -> Iterable[str]:
    """Gives the distances from the window before, and what they may be."""
    if drift is None:
        return
    first, last = drift["before"][0], drift["before"][-1]
    against = f"span {last}" if first == last else f"spans {first} to {last}"
    # Of what has no threshold the report tells more than fits into a line.
    shown = [
        _distance(name, distance)
        for name, distance in drift["distances"].items()
        if distance["threshold"] is not None
    ]
    yield f"against {against}: {', '.join(shown)}"


def drift_warnings(drift: dict[str, Any] | None) -> Iterable[str]:
    """Returns each distance that is over its threshold, such as `label 0.23 (…)`."""
    for name, distance in (drift or {"distances": {}})["distances"].items():
        bound, value = distance["threshold"], distance["value"]
        if bound is not None and value is not None and value > bound:
            yield _distance(name, distance)


def _distance(name: str, distance: dict[str, Any]) -> str:
    value = distance["value"]
    told = "not measured" if value is None else f"{value:.2f}"
    return f"{name.replace('_', ' ')} {told} (at most {distance['threshold']:.2f})"
