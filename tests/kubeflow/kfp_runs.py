"""Tasks of a run, as Kubeflow Pipelines lists them."""

from __future__ import annotations

import datetime
from typing import Any

BEGIN = datetime.datetime(2026, 3, 1, 3, tzinfo=datetime.timezone.utc)


def task(
    name: str,
    state: str,
    seconds: float | None = None,
    *,
    error: str = "",
    pods: tuple[str, ...] = (),
    begin: datetime.datetime = BEGIN,
) -> dict[str, Any]:
    """One task; without seconds it has not ended, in the words of the server."""
    end = "1970-01-01T00:00:00Z"
    if seconds is not None:
        end = _text(begin + datetime.timedelta(seconds=seconds))
    started = state not in ("PENDING", "SKIPPED")
    made: dict[str, Any] = {
        "task_id": f"task-{name}",
        "display_name": name,
        "state": state,
        "create_time": _text(begin),
        "start_time": _text(begin) if started else "1970-01-01T00:00:00Z",
        "end_time": end,
        "child_tasks": [{"pod_name": pod} for pod in pods],
    }
    if error:
        made["error"] = {"code": 13, "message": error}
    return made


def _text(time: datetime.datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
