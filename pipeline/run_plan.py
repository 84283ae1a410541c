"""What a run is going to do, and whether there is anything new for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import ml_metadata as mlmd

from components.text_example_gen.arrivals import data_fingerprint
from components.text_example_gen.spans import has_spans, pattern_of_span, span_name
from pipeline.code_version import code_version
from pipeline.config import Config
from pipeline.elmo_version import elmo_version
from pipeline.finished_runs import FinishedRun, FinishedRuns
from pipeline.nothing_new import NothingNew

# How a run is carried out makes no other model of it.
_WITHOUT_EFFECT = {"output", "push", "beam", "kubeflow", "vertex"}
_CODE = "pipeline.pipeline"


@dataclass(frozen=True)
class RunPlan:
    """What a run depends on.

    Args:
        fingerprint: Changes with the data's files, the options that matter, the ELMo
            and our own code.
        span: Name of the span that it reads; empty where the data has none.
    """

    fingerprint: str
    span: str

    def nothing_new(self, store: mlmd.MetadataStore) -> NothingNew | None:
        """Compares with the last run that ended well; None: there is work to do.

        Only the last one counts: when an older span was read again in between, the
        window of a newer one has changed.
        """
        last = FinishedRuns(store).latest()
        if last is None or last.fingerprint != self.fingerprint:
            return None
        return NothingNew(last.run_id, _minute(last), self.span or None)


def plan_run(config: Config) -> RunPlan:
    """Sums up what a run depends on; no data is read.

    Args:
        config: As `checked_config` returns it, a span by its number.
    """
    data = config.data
    pattern, span = data.pattern, ""
    if has_spans(pattern):
        number = int(data.span)
        pattern, span = pattern_of_span(pattern, number), span_name(number, pattern)
    schema = data.schema_path and Path(data.schema_path).read_text("utf-8")
    facts = [
        config.model_dump(mode="json", exclude=_WITHOUT_EFFECT),
        data_fingerprint(pattern),
        elmo_version(config.elmo.source),
        schema,
        code_version(_CODE),
        code_version("pipeline.preprocessing"),
        code_version("pipeline.trainer"),
    ]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    return RunPlan(digest.hexdigest()[:16], span)


def _minute(run: FinishedRun) -> str:
    return f"{run.ended:%Y-%m-%d %H:%M} UTC"
