"""The runs of which only ML Metadata knows: an earlier version kept no more of them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import ml_metadata as mlmd

from pipeline.errors import RunError
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.place import check_whole
from pipeline.metadata.runs import DONE, UNCHANGED, RunRecord
from pipeline.metadata.store import is_on_server
from pipeline.output_folder import OutputFolder
from pipeline.runs.past_runs import PastRun, write_run

_LOGGER = logging.getLogger(__name__)
_ENDED_WELL = (DONE, UNCHANGED)


def names_of_others(output: Path, known: Collection[str]) -> list[str]:
    """Returns the names of the runs that ML Metadata has beside those known.

    Raises:
        RunError: ML Metadata cannot be read.
    """
    return [name for name in _opened(output).runs.names() if name not in known]


def withdrawn_versions(output: Path) -> set[int]:
    """Returns the versions whose models a rollback has taken out of service."""
    pushes = _opened(output).pushed.pushes()
    return {push.version for push in pushes if push.withdrawn}


def earlier_runs(
    output: Path, names: Sequence[str], *, is_held: bool = False
) -> list[PastRun]:
    """Returns what ML Metadata and the artifacts say of runs, and keeps it.

    A run that failed has its node, but not the reason: that is in its log.

    Args:
        output: The folder; nothing happens to it if it cannot be written.
        names: Of the runs.
        is_held: Whether a run is under way, which may be one of them.

    Raises:
        RunError: ML Metadata cannot be read.
    """
    metadata = _opened(output)
    runs = []
    for name in names:
        run = _read(OutputFolder(output), metadata, name, is_held)
        if run is not None:
            runs.append(run)
            if run.verdict != "running":
                with contextlib.suppress(OSError):  # it is read again the next time
                    write_run(output, run)
    return runs


def _opened(output: Path) -> Metadata:
    folder = OutputFolder(output)
    if not is_on_server():
        check_whole(folder.metadata)
    try:
        return folder.open_metadata()
    except (mlmd.errors.StatusError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise RunError(f"{folder.metadata} cannot be read: {reason}") from error


def _read(
    output: OutputFolder, metadata: Metadata, name: str, is_held: bool
) -> PastRun | None:
    # Importing it takes seconds: TensorFlow is behind it.
    from pipeline.runs.summarize import gather
    from pipeline.runs.verdicts import past_run

    record = metadata.runs.of(name)
    if record.began is None:
        return None
    states = {node.node: node.state for node in record.nodes}
    run = past_run(gather(output, record))
    facts: dict[str, object] = {"span": metadata.finished.span_of(name) or None}
    failed = next((node for node, state in states.items() if state == "failed"), None)
    if states.get("Pusher") in _ENDED_WELL:
        facts["version"] = _version(record)
    elif failed is not None:
        facts |= {"verdict": "failed", "component": failed, "reasons": []}
    elif is_held and name == metadata.runs.newest():
        facts |= {"verdict": "running", "reasons": [], "ended": None, "seconds": None}
    else:
        facts |= {"verdict": "interrupted", "reasons": []}
    return run.model_copy(update=facts)


def _version(record: RunRecord) -> int | None:
    """Returns the version that a run pushed, even if it is gone by now."""
    pushed = record.output("Pusher", "pushed_model")
    version = pushed.properties.get("pushed_version") if pushed else None
    return int(version) if version else None
