"""What a run is going to do, and whether there is anything new for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import ml_metadata as mlmd

from components.text_example_gen.arrivals import data_fingerprint, waiting_spans
from components.text_example_gen.spans import has_spans, pattern_of_span, span_name
from pipeline.code_version import code_version
from pipeline.config import Config, DataConfig
from pipeline.elmo_version import elmo_version
from pipeline.finished_runs import FinishedRun, FinishedRuns
from pipeline.last_events import LastEvents
from pipeline.nothing_new import NothingNew

# How a run is carried out makes no other model of it.
_WITHOUT_EFFECT = {"output", "push", "beam", "kubeflow", "vertex"}
# The wiring, with all that it imports, and what it names for TFX to import.
_CODE = ("pipeline.pipeline", "pipeline.preprocessing", "pipeline.trainer")


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

    def nothing_new(
        self, store: mlmd.MetadataStore, pipeline: str
    ) -> NothingNew | None:
        """Compares with the last run that ended well; None: there is work to do.

        Only the last one counts, and only if no other run has begun since, however it
        ended: one that has read an older span again has changed the window of a newer
        one. Nor has there been a rollback, after which another model is the one to
        beat.

        Args:
            store: Of ML Metadata.
            pipeline: Name of the pipeline there.
        """
        last = FinishedRuns(store, pipeline).latest()
        if last is None or last.fingerprint != self.fingerprint:
            return None
        events = LastEvents(store, pipeline)
        if events.newest_run() != last.run_id or events.rolled_back_after(last.ended):
            return None
        return NothingNew(last.run_id, _minute(last), self.span or None, self.waiting)


def plan_run(config: Config) -> RunPlan:
    """Sums up what a run depends on; no data is read.

    Args:
        config: As `checked_config` returns it, a span by its number.
    """
    data = config.data
    pattern, span, waiting = data.pattern, "", ""
    if has_spans(pattern):
        number = int(data.span)
        waiting = _waiting(data, number)
        pattern, span = pattern_of_span(pattern, number), span_name(number, pattern)
    schema = data.schema_path and Path(data.schema_path).read_text("utf-8")
    facts = [
        code_version(*_CODE),
        config.model_dump(mode="json", exclude=_WITHOUT_EFFECT),
        data_fingerprint(pattern),
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
