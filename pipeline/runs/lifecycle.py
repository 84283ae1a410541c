"""A run from its plan to its end: what it depends on, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.text_example_gen.arrived_spans import waiting_spans
from components.text_example_gen.input_files import (
    content_fingerprint,
    data_fingerprint,
)
from components.text_example_gen.spans import has_spans, pattern_of_span, span_name
from pipeline.config import Config, DataConfig
from pipeline.config.checked import CheckedConfig
from pipeline.fingerprints import code_version, elmo_version
from pipeline.metadata.inventory import Missing
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.runs import DONE, UNCHANGED, FinishedRun
from pipeline.output_folder import OutputFolder, describe_missing
from pipeline.runs.outcomes import NothingNew
from pipeline.runs.past_runs import read_run
from pipeline.serving.publish import remove_old_versions

_LOGGER = logging.getLogger(__name__)
# How a run is carried out makes no other model of it.
_WITHOUT_EFFECT = {"output", "push", "beam", "kubeflow", "vertex"}
# The wiring, with all that it imports, and what it names for TFX to import.
_CODE = ("pipeline.pipeline", "pipeline.preprocessing", "pipeline.training.trainer")


@dataclass(frozen=True)
class RunPlan:
    """What a run depends on.

    Args:
        fingerprint: Changes with the data's files, the options that matter, the ELMo
            and our own code.
        span: Name of the span that it reads; empty where the data has none.
        waiting: Which later spans wait for which file, or empty.
    """

    fingerprint: str
    span: str
    waiting: str = ""

    def nothing_new(self, metadata: Metadata) -> NothingNew | None:
        """Compares with the last run that ended well; None: there is work to do.

        Only the last one counts, and only if no other run has begun since, however it
        ended: one that has read an older span again has changed the window of a newer
        one. Nor has there been a rollback, after which another model is the one to
        beat; nor is another model served that was pushed.

        Args:
            metadata: Of the output.
        """
        last = metadata.finished.latest()
        if last is None or last.fingerprint != self.fingerprint:
            return None
        if metadata.runs.newest() != last.run_id:
            return None
        last_execution = metadata.runs.last_execution(last.run_id)
        if metadata.pushed.rolled_back_after(last_execution):
            return None
        instead = None
        path = metadata.runs.of(last.run_id).pushed_to(DONE, UNCHANGED)
        if path is not None:
            if metadata.pushed.superseded(path):
                return None
            instead = metadata.pushed.served_instead(path)
        return NothingNew(
            last.run_id,
            _minute(last),
            self.span or None,
            self.waiting,
            f"not served: {instead} is newer" if instead else "",
        )

    def model_made_again(self, metadata: Metadata) -> str | None:
        """Returns the model that a run with this plan makes again if it is gone.

        That is the one of the last run that ended well, if nothing has changed since.
        The new one is compared with that with which this one was.
        """
        last = metadata.finished.latest()
        if last is None or last.fingerprint != self.fingerprint:
            return None
        model = metadata.runs.of(last.run_id).output("Trainer", "model")
        return None if model is None else model.uri


def plan_run(config: Config) -> RunPlan:
    """Sums up what a run depends on; no data is read.

    Args:
        config: As `checked_config` returns it, a span by its number.
    """
    data = config.data
    patterns, span, waiting = [data.pattern, *data.held_out.values()], "", ""
    if has_spans(data.pattern):
        number = int(data.span)
        waiting, span = _waiting(data, number), span_name(number, data.pattern)
        patterns = [pattern_of_span(pattern, number) for pattern in patterns]
    options = config.model_dump(mode="json", exclude=_WITHOUT_EFFECT)
    # Of these the content counts, and not where the output that keeps them lies.
    options["data"].pop("schema_path")
    options["data"].pop("corrections")
    schema = data.schema_path and Path(data.schema_path).read_text("utf-8")
    facts = [
        code_version(*_CODE),
        options,
        [data_fingerprint(pattern, data.format) for pattern in patterns],
        data.corrections and content_fingerprint(data.corrections),
        elmo_version(config.elmo.source),
        schema,
    ]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    return RunPlan(digest.hexdigest()[:16], span, waiting)


def _waiting(data: DataConfig, number: int) -> str:
    later = waiting_spans(data.pattern, data.done_file, number)
    names = ", ".join(span_name(each, data.pattern) for each in later)
    return f"waiting for {data.done_file}: span {names}" if names else ""


def _minute(run: FinishedRun) -> str:
    return f"{run.ended:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class PreparedRun:
    """A run whose nodes can be launched, in any process that reaches its output.

    Args:
        config: For all its nodes: with absolute paths, and a span by its number.
        output: What it writes into.
        plan: What it depends on.
        nothing_new: Why its nodes need not be launched, or None.
        moved_from: Where the output was before it was moved or copied, or None.
        missing: Results of earlier runs that were gone and count as not made.
    """

    config: Config
    output: OutputFolder
    plan: RunPlan
    nothing_new: NothingNew | None
    moved_from: Path | None = None
    missing: Sequence[Missing] = ()


def prepare_run(checked: CheckedConfig, *, alone: bool = False) -> PreparedRun:
    """Prepares the output for a run, and sees whether there is work to do.

    Args:
        checked: What to run.
        alone: Whether the caller holds the output. What a killed run left in it is
            then put right, and what is gone of earlier results counts as not made.

    Raises:
        ConfigError: The output or the schema cannot be used.
        OutputUnusable: The disk is nearly full, or the last blessed model is gone.
        MetadataUnavailable: ML Metadata cannot be reached.
        MoveIncomplete: The output was copied in part.
        StoreUnreadable: The file of ML Metadata cannot be read or written.
    """
    output = OutputFolder(checked.config.output)
    output.prepare(checked.data_bytes)
    moved_from = output.follow_move()
    config = _with_kept_schema(checked.config, output)
    plan = plan_run(config)
    metadata = output.open_metadata()
    missing = output.missing_results() if alone else []
    output.refuse_without_last_model(missing, plan.model_made_again(metadata))
    if missing:
        _LOGGER.warning("%s", describe_missing(missing, output))
        metadata.inventory.count_as_not_made(missing)
    if alone:
        output.clean_after_kill()
    nothing_new = None if missing else plan.nothing_new(metadata)
    if nothing_new is not None and _is_untold(output, nothing_new.run_id, alone):
        nothing_new = None
    return PreparedRun(config, output, plan, nothing_new, moved_from, missing)


def _with_kept_schema(config: Config, output: OutputFolder) -> Config:
    """Returns the configuration with the copy of its curated schema, if it has one."""
    path = config.data.schema_path
    if path is None:
        return config
    data = config.data.model_copy(update={"schema_path": output.keep_schema(path)})
    return config.model_copy(update={"data": data})


def _is_untold(output: OutputFolder, run_id: str, alone: bool) -> bool:
    """Returns whether a run ended well, and was killed before it could say so."""
    run = read_run(output.path, run_id)
    ended = {"interrupted", "failed"} | ({"running"} if alone else set())
    return run is not None and run.verdict in ended


def end_run(
    config: Config,
    run_id: str,
    plan: RunPlan,
    say: Callable[[str], object] = _LOGGER.warning,
) -> list[int]:
    """Removes old versions, and records the run as one that ended well.

    Doing it again changes nothing.

    Args:
        config: What was run.
        run_id: Its name in ML Metadata.
        plan: What it depended on when it began.
        say: Takes the line on a version that cannot be removed.

    Returns:
        The versions that were removed, oldest first.
    """
    output = OutputFolder(config.output)
    metadata = output.open_metadata()
    keep, removed = config.push.keep_versions, []
    if keep is not None:
        pushes = metadata.pushed.pushes()
        withdrawn = {push.path for push in pushes if push.withdrawn}
        own = metadata.runs.of(run_id).pushed_to(DONE, UNCHANGED)
        removed = remove_old_versions(
            output.serving, keep, withdrawn, [own] if own else [], say
        )
    output.settle_pushes(metadata, only=0)  # of none: other runs may be under way
    metadata.finished.record(run_id, plan.fingerprint, plan.span)
    return removed
