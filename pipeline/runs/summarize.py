"""Gathers what came of a run from its artifacts."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tfx.utils import path_utils

from components.serving_check import executor as serving_check
from components.text_example_gen.examples import COUNTS_FILE
from components.text_example_gen.notes import slice_notes
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.evaluation.baseline import tfidf_baseline
from pipeline.evaluation.explanations import with_words
from pipeline.evaluation.facts import Certain, Evaluation
from pipeline.evaluation.measures import COVERAGE, MEASURES, MICRO_F1
from pipeline.evaluation.report import read_evaluation
from pipeline.files import is_local, write_whole
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.place import place_here
from pipeline.metadata.runs import DONE, MadeArtifact, RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.report.files import read_summary, write_page
from pipeline.runs.damaged import ResultDamaged, reading
from pipeline.runs.data_facts import (
    anomalies_of,
    data_of,
    drift_of,
    facts_of_texts,
    read_json,
    rows_of,
    spans_of,
)
from pipeline.runs.model_card import write_model_cards
from pipeline.runs.past_runs import (
    REPORT,
    SUMMARY,
    TOLD_LATE,
    PastRun,
    kept_runs,
    read_run,
    run_folder,
    write_run,
)
from pipeline.runs.summary import (
    Baseline,
    NodeTime,
    Push,
    RunSummary,
    ServingCheck,
    score_command,
)
from pipeline.runs.surroundings import (
    chosen_options,
    folder_bytes,
    versions,
)
from pipeline.runs.training_facts import Training
from pipeline.runs.verdicts import past_run
from pipeline.serving.versions import whole_versions
from pipeline.training.history import HISTORY_FILE

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")


def summarize_run(
    config: Config,
    output: OutputFolder,
    record: RunRecord,
    log: Path | None,
    begun: PastRun | None = None,
) -> RunSummary:
    """Returns what came of a run, and keeps it in its output.

    It is written to `summary.json` there, and into the folder of the run, each with the
    page that shows it; each version in `serving/` that has no model card gets one.

    Args:
        config: What was run.
        output: What it wrote into.
        record: What its nodes did.
        log: Its log, or None where each node has one of its own.
        begun: What was noted when it began; None: what is kept of it.
    """
    begun = begun or read_run(output.path, record.run_id)
    summary = gather(output, record, config, log=log, begun=begun)
    model = record.output("Trainer", "model")
    if summary.evaluation is not None and model is not None:
        words = with_words(summary.evaluation, path_utils.serving_model_dir(model.uri))
        summary = summary.model_copy(update={"evaluation": words})
    found = facts_of_texts(summary, record, _last_summary(output))
    summary = summary.model_copy(update=found)
    summary = summary.model_copy(update={"report": str(output.path / REPORT)})
    write_model_cards(output, summary, lambda run: gather(output, run))
    folder = run_folder(output.path, record.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder / SUMMARY, output.summary):
        write_whole(path, summary.to_json())
    begin = time.monotonic()
    page = write_page(output.path, summary)
    _LOGGER.info("%s was made in %.1f s", page, time.monotonic() - begin)
    write_run(output.path, past_run(summary))
    return summary


def _last_summary(output: OutputFolder) -> RunSummary | None:
    """Returns what came of the run before; None where that cannot be read."""
    try:
        return read_summary(output.summary)
    except UserError:
        return None


def gather(
    output: OutputFolder,
    record: RunRecord,
    config: Config | None = None,
    *,
    log: Path | None = None,
    begun: PastRun | None = None,
) -> RunSummary:
    """Returns what came of a run, from its artifacts.

    Args:
        output: What it wrote into.
        record: What its nodes did.
        config: What was run; None: it is not known any more, nor is what comes of it,
            such as the pattern of the data.
        log: Its log, or None where each node has one of its own.
        begun: What was noted when it began; None: it ended with its last node.
    """
    if config is None:
        record = _present(record, output)
    examples = record.output("TextExampleGen", "examples")
    window = record.window()
    newest = window[-1] if window else None
    push = _push(record, output if config else None)
    data = config.data if config else None
    model = record.output("Trainer", "model")

    def said_by(
        made: MadeArtifact | None, read: Callable[[MadeArtifact], _T]
    ) -> _T | None:
        """Returns what a result says; of an earlier run's, if it can be read."""
        if made is None:
            return None
        try:
            with reading(made.uri):
                return read(made)
        except ResultDamaged as error:
            if config is not None:
                raise
            _LOGGER.warning("%s", error.format_message())
            return None

    summary = RunSummary(
        output=str(output.path),
        log=str(log) if log else None,
        run_id=record.run_id,
        began=record.began,
        ended=record.ended,
        data=said_by(newest, lambda _: data_of(data, window)) or data_of(data, []),
        spans=said_by(examples, lambda made: data and spans_of(data, made, window)),
        rows=said_by(examples, rows_of),
        drift=said_by(
            record.output("DriftCheck", "drift"),
            lambda made: data and drift_of(data.pattern, made),
        ),
        anomalies=said_by(record.output("AnomalyGate", "clearance"), anomalies_of),
        training=said_by(
            record.output("Trainer", "model_run"), lambda _: _training(record)
        ),
        evaluation=said_by(
            record.output("Evaluator", "evaluation"), lambda _: evaluation_of(record)
        ),
        tfidf=said_by(examples, lambda _: config and _tfidf(window, config)),
        serving_check=said_by(
            record.output("ServingCheck", "blessing"), _serving_check
        ),
        push=push,
        nodes=[
            NodeTime(node=each.node, state=each.state, seconds=round(each.seconds, 1))
            for each in record.nodes
        ],
        program=_program() if config else "elmo-tfx",
        score_command=score_command(_program(), push.path)
        if config and push and push.path
        else None,
        model_bytes=folder_bytes(model.uri) if model and is_local(model.uri) else None,
        versions=versions() if config else {},
        options=chosen_options(config) if config else {},
    )
    if begun is not None:
        ended = begun.ended_now()
        times = {"began": begun.began, "ended": ended.ended, "seconds": ended.seconds}
        return summary.model_copy(update=times)
    if summary.began is not None and summary.ended is not None:
        seconds = (summary.ended - summary.began).total_seconds()
        return summary.model_copy(update={"seconds": round(seconds, 1)})
    return summary


def _present(record: RunRecord, output: OutputFolder) -> RunRecord:
    """Returns a run without the results that are gone, and with the others' places.

    Of the Pusher what is recorded counts, and not its copy of the model.
    """
    nodes = []
    for node in record.nodes:
        if node.node == "Pusher":
            nodes.append(node)
            continue
        outputs = {
            key: [
                dataclasses.replace(made, uri=uri)
                for made in artifacts
                if os.path.exists(uri := place_here(made.uri, output.path))
            ]
            for key, artifacts in node.outputs.items()
        }
        nodes.append(dataclasses.replace(node, outputs=outputs))
    return RunRecord(record.run_id, nodes)


def evaluation_of(record: RunRecord) -> Evaluation | None:
    """Returns what a run's Evaluator measured; None where there was no evaluation."""
    evaluation = record.output("Evaluator", "evaluation")
    blessing = record.output("Evaluator", "blessing")
    if evaluation is None or blessing is None:
        return None
    # The Trainer counts its classes in the order of the probabilities.
    training = _training(record)
    names = list(training.class_counts) if training else []
    counts = read_json(record.output("TextExampleGen", "examples"), COUNTS_FILE) or {}
    values = counts.get("values", {})
    report = read_evaluation(evaluation.uri, class_names=names or None, values=values)
    report["notes"] += slice_notes(values)
    accuracy_of_answers = report.pop("accuracy_of_answers")
    on_eval = training.certain if training else None
    certain = on_eval and Certain(
        precision=on_eval.precision,
        threshold=on_eval.threshold,
        coverage=report["metrics"].get(COVERAGE),
        accuracy=accuracy_of_answers,
    )
    return Evaluation(
        **report,
        certain=certain,
        blessed=blessing.properties.get("blessed") == 1,
    )


def _training(record: RunRecord) -> Training | None:
    made = record.output("Trainer", "model_run")
    history = read_json(made, HISTORY_FILE)
    if made is None or history is None:
        return None
    warm_start = history.get("warm_start")
    if warm_start and warm_start["from"]:
        # The output may have been moved since; all that a Trainer makes goes along.
        place, trainer, _ = made.uri.rpartition("/Trainer/")
        _, is_ours, model = warm_start["from"].rpartition(trainer or "/Trainer/")
        if trainer and is_ours:
            warm_start["from"] = f"{place}{trainer}{model}"
    return Training.model_validate(history)


def _tfidf(window: Sequence[MadeArtifact], config: Config) -> Baseline | None:
    """Returns what words alone reach on the same splits; None without examples."""
    if not window:
        return None
    start = time.monotonic()
    folders = dict.fromkeys(examples.uri for examples in window)
    result = tfidf_baseline(
        *folders,
        seed=config.train.seed,
        multi_label=config.data.has_several_labels,
        tokenizer=config.transform.tokenizer,
    )
    measures = dataclasses.asdict(result.measures) if result.measures else {}
    names = [*MEASURES, *([MICRO_F1] if config.data.has_several_labels else [])]
    return Baseline(
        metrics={name: _finite(measures.get(name)) for name in names},
        notes=list(result.notes),
        lengths=dict(result.lengths),
        seconds=round(time.monotonic() - start, 1),
    )


def _finite(value: float | None) -> float | None:
    """Returns None for what JSON has no word for."""
    return None if value is None or not math.isfinite(value) else float(value)


def _serving_check(blessing: MadeArtifact | None) -> ServingCheck | None:
    report = read_json(blessing, serving_check.REPORT_NAME)
    return None if report is None else ServingCheck.model_validate(report)


def _push(record: RunRecord, output: OutputFolder | None) -> Push | None:
    """Returns what came of the Pusher.

    Args:
        record: Of the run.
        output: Asked what is served instead of an unchanged version, and what was
            before; None: nobody is.
    """
    model = record.output("Pusher", "pushed_model")
    if model is None:
        return None
    pushed = model.properties.get("pushed") == 1
    state = next(node.state for node in record.nodes if node.node == "Pusher")
    path = str(model.properties.get("pushed_destination")) if pushed else None
    # An earlier run's version may have been withdrawn or removed since.
    is_there = path is not None and (not is_local(path) or os.path.exists(path))
    now, instead, before = pushed and state == DONE, None, None
    if output is not None:
        metadata = output.open_metadata()
        pushes = metadata.pushed
        models = {push.path: push.model for push in pushes.pushes()}
        newest = next(iter(whole_versions(str(output.serving))[::-1]), None)
        if is_there and not now:
            instead = pushes.served_instead(str(path))
            now = instead is None and _is_untold_push(str(path), output, metadata)
        elif (
            not is_there and path in models and models[path] == models.get(str(newest))
        ):
            path, is_there = newest, True  # a rollback has pushed its model again
        elif not is_there:
            instead = newest
        served = instead or (path if is_there else None)
        before = served and pushes.served_before(served)
    return Push(
        pushed=pushed,
        path=path if is_there else None,
        now=now,
        instead=instead,
        before=before,
    )


def _is_untold_push(path: str, output: OutputFolder, metadata: Metadata) -> bool:
    """Returns whether the run that pushed a version ended before it could say so."""
    return path in _untold_pushes(output, metadata)


def _untold_pushes(output: OutputFolder, metadata: Metadata) -> dict[str, PastRun]:
    """Returns folder of a version -> the run that ended before it could tell of it."""
    runs = kept_runs(output.path, is_held=True)
    told = {run.version for run in runs}
    ended = {r.run_id: r for r in runs if r.verdict in ("interrupted", "failed")}
    pushes = metadata.pushed.pushes() if ended else []
    makers = {
        push.path: metadata.pushed.run_of(push)
        for push in pushes
        if push.version not in told
    }
    return {path: ended[run] for path, run in makers.items() if run in ended}


def note_untold_pushes(output: OutputFolder) -> None:
    """Notes that runs have pushed which were killed before they could tell of it.

    So their versions are known, whatever the next run does. Call it while holding the
    output, when the next run has told of its own.
    """
    for path, run in _untold_pushes(output, output.open_metadata()).items():
        facts = {
            "verdict": "pushed",
            "version": int(os.path.basename(path)),
            "reasons": [TOLD_LATE],
        }
        write_run(output.path, run.model_copy(update=facts))


def _program() -> str:
    """Returns what to type for `elmo-tfx` in this folder."""
    script = Path(sys.executable).with_name("elmo-tfx")
    on_path = shutil.which("elmo-tfx")
    if on_path and os.path.realpath(on_path) == os.path.realpath(script):
        return "elmo-tfx"
    if script.exists():
        return shlex.quote(min(str(script), os.path.relpath(script), key=len))
    return f"{shlex.quote(sys.executable)} -m pipeline.cli"
