"""Says why a run failed, in words that a person can use."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunError, indented_lines
from pipeline.runs.past_runs import PastRun, write_run

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.metadata.runs import RunRecord
    from pipeline.output_folder import OutputFolder

_LOGGER = logging.getLogger(__name__)
_OURS = ("components.", "pipeline.", "keras_elmo.")
_STEP = re.compile(r"\s*\[while running [^\]]*\]\s*$")
_REMOTE_TRACEBACK = "Traceback (most recent call last)"
_REMOTE_ERROR = re.compile(
    r"^(?P<type>[A-Za-z_][\w.]*): (?P<message>.+)$", re.MULTILINE
)


class RunFailed(RunError):
    """A node of the pipeline failed; what was finished before it is kept.

    Attributes:
        node: Id of the node, such as `Transform`; empty if it failed before the first.
        reason: Why; the first line says it, a line `hint: ...` may follow.
        log: Path of the log with the whole story; None: what was just printed.
        run_id: TFX's name of the run; None: it had none yet.
        is_drift: Whether the gate stopped it because the data has drifted.
    """

    def __init__(
        self,
        *,
        node: str,
        reason: str,
        log: str | None = None,
        run_id: str | None = None,
        is_drift: bool = False,
    ) -> None:
        self.node = node
        self.reason = reason
        self.log = log
        self.run_id = run_id
        self.is_drift = is_drift
        where = f"{node} failed" if node else "the run failed"
        lines = [f"log: {log}"] if log else []
        super().__init__(f"{where}: {reason}", lines=lines)

    def _shown(self, reason: str) -> str:
        return indented_lines(reason)  # a node may have a list to show


@dataclass(frozen=True)
class RunResult:
    """A run that ended well.

    Attributes:
        config: What was run, with absolute paths.
        output: The folder it wrote into.
        record: What every node did and made.
        begun: What was noted when it began.
        log: Path of its log.
        removed: Old versions that were removed after it, oldest first.
    """

    config: Config
    output: OutputFolder
    record: RunRecord
    begun: PastRun
    log: Path
    removed: Sequence[int] = ()


def keep_failure(output: Path, begun: PastRun, failed: RunFailed) -> None:
    """Keeps with a run that it has failed, and why; a full disk changes nothing."""
    run = begun.ended_now(
        verdict="drifted" if failed.is_drift else "failed",
        component=failed.node or None,
        reasons=[failed.reason],
    )
    try:
        write_run(output, run)
    except OSError as error:
        _LOGGER.warning("that the run failed is not kept: %s", error)


def is_drift(error: BaseException) -> bool:
    """Returns whether the gate has raised an error, because the data has drifted."""
    return any(getattr(each, "is_drift", False) for each in _chain(error))


def is_ours(error: BaseException) -> bool:
    """Returns whether an error of our own, written for people, is behind one."""
    return any(type(each).__module__.startswith(_OURS) for each in _chain(error))


def reason_of(error: BaseException) -> str:
    """Returns the message of the error that says most about a failure.

    Beam and TFX wrap what a worker raised. An error of our own is written for people,
    so the outermost of them wins, with all its lines; otherwise it is the first line
    of the one that started it all, behind the name of its class.
    """
    chain = _chain(error)
    ours = [e for e in chain if type(e).__module__.startswith(_OURS)]
    chosen = ours[0] if ours else chain[-1]
    text = str(chosen)
    if _REMOTE_TRACEBACK in text:
        return _remote_reason(text)
    text = _STEP.sub("", text).strip()
    if ours:
        return text
    name = type(chosen).__name__
    first, *others = [line for line in text.splitlines() if line.strip()] or [""]
    if first.rstrip().endswith(":") and others:  # it says nothing by itself
        first = f"{first.rstrip()} {others[0]}"
    return f"{name}: {first.strip()}" if first else name


def _chain(error: BaseException) -> list[BaseException]:
    """Returns the error and those behind it, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        inner = current.__cause__
        if inner is None and not current.__suppress_context__:
            inner = current.__context__
        current = inner
    return chain


def _remote_reason(text: str) -> str:
    """Returns what a worker in another process raised, from its traceback."""
    after = text[text.rindex(_REMOTE_TRACEBACK) :]
    match = _REMOTE_ERROR.search(after)
    if match is None:
        return after.strip().splitlines()[-1].strip()
    path, message = match["type"], _STEP.sub("", match["message"]).strip()
    if path.startswith(_OURS):
        return message
    return f"{path.rpartition('.')[2]}: {message}"


@dataclass(frozen=True)
class NothingNew:
    """Why a run need not begin: the last one had the same data, options and code.

    Args:
        run_id: That run.
        since: When it ended, `2026-11-26 03:04 UTC`.
        span: Name of the span, or None where the data has none.
        waiting: Which later spans wait for which file, or empty.
        unserved: That a version put there by hand is above that run's, or empty.
    """

    run_id: str
    since: str
    span: str | None
    waiting: str = ""
    unserved: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth a line all the same."""
        return tuple(filter(None, (self.waiting, self.unserved)))

    def __str__(self) -> str:
        span = f" in span {self.span}" if self.span else ""
        return (
            f"nothing new{span} since the run that ended {self.since} "
            f"({self.run_id}): same data, options and code"
            + "".join(f"; {warning}" for warning in self.warnings)
        )
