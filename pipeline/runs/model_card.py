"""The card that says what a pushed model is, and how good: made of a run's facts.

It has the headings of Hugging Face's model cards and of TFX's Model Card Toolkit. What
no run can know, such as what a model is meant for, it leaves to its owners.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from pipeline.errors import RunError
from pipeline.evaluation.facts import Evaluation, Interval
from pipeline.files import write_whole
from pipeline.metadata.runs import RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.runs.evaluation_text import MEASURE_NAMES
from pipeline.runs.summary import Baseline, Rows, RunSummary
from pipeline.runs.training_facts import Training
from pipeline.runs.tuning_text import tuning_lines
from pipeline.serving.publish import model_card_path
from pipeline.serving.versions import version_of, whole_versions
from pipeline.terminal import visible_line

_LOGGER = logging.getLogger(__name__)
_TEMPLATE = "model_card.md.jinja"  # beside this file
_MOST_ROWS = 100  # of a table
_MOST_WORDS = 10  # of a class
# All that Markdown has a use for inside of a line.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$@!]|:(?=//))")
# As Hugging Face names them.
_METRICS = {"accuracy": "accuracy", "auc": "roc_auc", "macro_f1": "f1"}
_BOUNDS = {
    "least": "at least {0:.3f}",
    "most": "at most {0:.3f}",
    "change": "{0:+.3f} against the last model",
}


def write_model_cards(
    output: OutputFolder,
    summary: RunSummary,
    gather: Callable[[RunRecord], RunSummary],
) -> None:
    """Writes a card for each version in the serving folder that a run has pushed.

    One that is there stays as it is: somebody may have added to it. A version whose run
    was killed before its end gets its card from the next run.

    Args:
        output: The folder of the runs.
        summary: Of the run that ends now.
        gather: Returns the facts of an earlier run.

    Raises:
        OSError: The card of this run's version cannot be written.
    """
    lacking = [
        version
        for version in whole_versions(str(output.serving))
        if not model_card_path(version).exists()
    ]
    own = summary.push.path if summary.push else None
    if own in lacking:
        _write(own, summary)
    others = [version for version in lacking if version != own]
    if not others:
        return
    metadata = output.open_metadata()
    models = {push.path: push.model for push in metadata.pushed.pushes()}
    runs = metadata.pushed.runs()
    for version in others:
        run_id = runs.get(models.get(version, -1))
        if run_id is None:
            continue  # a person has put it there
        try:
            _write(version, gather(metadata.runs.of(run_id)))
        # Of a model that is served anyhow; this run has ended well.
        except (OSError, ValueError, KeyError, RunError) as error:
            _LOGGER.warning("version %s has no model card: %s", version, error)


def _write(version: str, summary: RunSummary) -> None:
    path = model_card_path(version)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, model_card(summary, version_of(version)))


def model_card(summary: RunSummary, version: str) -> str:
    """Returns the card of a model, as Markdown with Hugging Face's metadata before it.

    Args:
        summary: Of the run that made the model.
        version: Under which it was pushed.
    """
    training, evaluation, rows = summary.training, summary.evaluation, summary.rows
    of_labels = sum(sum(each.values()) for each in rows.labels.values()) if rows else 0
    text = _template().render(
        front_matter=_front_matter(summary, version),
        version=version,
        several=bool(rows and of_labels > rows.used),
        classes=", ".join(map(_escaped, _classes(summary))) or "not known",
        version_table=_version_table(summary, version),
        limitations=list(map(_escaped, _limitations(summary))),
        data_lines=list(_data_lines(summary)),
        label_table=_label_table(rows) if rows else "",
        training_table=_training_table(training) if training else "",
        tuning_lines=list(tuning_lines(training.tuning)) if training else [],
        rows_tested=f"{evaluation.rows:,}" if evaluation else "",
        measures_table=_measures_table(evaluation, summary.tfidf),
        threshold_table=_threshold_table(evaluation),
        certain=_certain(evaluation),
        analyses=list(_analyses(evaluation)),
        words=list(_words(training)),
    )
    # Parts that are empty leave blank lines.
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def _classes(summary: RunSummary) -> list[str]:
    """Returns the names of the classes that the model knows, where they are known."""
    if summary.training and summary.training.class_counts:
        return list(summary.training.class_counts)
    if summary.evaluation:
        return [one.name for one in summary.evaluation.classes]
    labels = summary.rows.labels.values() if summary.rows else ()
    return list(dict.fromkeys(name for each in labels for name in each))


def _version_table(summary: RunSummary, version: str) -> str:
    rows = [("first pushed as version", version), ("run", summary.run_id or "-")]
    if summary.began is not None:
        rows.append(("day", summary.began.date().isoformat()))
    warm_start = summary.training.warm_start if summary.training else None
    if warm_start is not None and warm_start.model is not None:
        rows.append(("began with the weights of", warm_start.model))
    return _table(("what", "value"), rows)


def _limitations(summary: RunSummary) -> Iterator[str]:
    yield "It knows no other classes than those above."
    yield "A text that is longer than the model reads is cut, and it says so."
    training, evaluation = summary.training, summary.evaluation
    if training is not None and training.pretrained_branch:
        yield (
            "A part of it began from 94,185 labelled opinions that are not among the "
            "training data: film reviews (Maas et al. 2011, free for research), pros "
            "and cons of products (Liu et al., CC BY 4.0). On opinions it has their "
            "bias."
        )
    if training is not None and training.word_vectors and training.ngram_weight:
        yield (
            "What it learnt of a word counts for words like it, too. Which are alike "
            "is known from English film reviews, pros and cons of products, novels and "
            "speeches."
        )
    if training is not None and training.certain is not None:
        yield (
            f"Below a probability of {_share(training.certain.threshold)} it says that "
            "it is unsure."
        )
    yield from summary.rows.notes if summary.rows else ()
    if evaluation is None:
        return
    yield from evaluation.notes
    classes = [one for one in evaluation.classes if one.f1 is not None]
    if len(classes) > 1:
        worst = min(classes, key=lambda one: one.f1 or 0.0)
        yield f"It is worst at the class {worst.name}: F1 {_share(worst.f1)}."
    slices = [one for one in evaluation.slices if one.accuracy is not None]
    if slices:
        least = min(slices, key=lambda one: one.accuracy or 0.0)
        yield (
            f"Of the slices it is worst at {least.name}: accuracy "
            f"{_share(least.accuracy)} on {least.rows:,} rows."
        )


def _data_lines(summary: RunSummary) -> Iterator[str]:
    data, rows, spans = summary.data, summary.rows, summary.spans
    if data.pattern:
        yield f"Files: {_escaped(data.pattern)}"
    if data.source:
        yield _escaped(data.source)
    if spans is not None:
        window = ", ".join(map(_escaped, spans.window))
        yield f"Spans: {window}. The rows below are those of {_escaped(spans.newest)}."
    if rows is None:
        yield "Nothing is known of its rows."
        return
    reasons = ", ".join(f"{_escaped(name)} {n:,}" for name, n in rows.reasons.items())
    yield (
        f"{rows.read:,} rows read = {rows.used:,} used + {rows.rejected:,} rejected"
        f"{f' ({reasons})' if reasons else ''}. Of those used, {rows.duplicates:,} "
        "repeat a text."
    )


def _label_table(rows: Rows) -> str:
    names = dict.fromkeys(name for each in rows.labels.values() for name in each)
    lines = [
        (name, *(f"{labels.get(name, 0):,}" for labels in rows.labels.values()))
        for name in list(names)[:_MOST_ROWS]
    ]
    return _table(("class", *rows.labels), lines, left_out=len(names) - len(lines))


def _training_table(training: Training) -> str:
    rows = [
        ("epochs", f"{len(training.epochs)}, of which {training.best_epoch} is kept"),
        ("steps", f"{training.steps:,}"),
        ("ended by", training.ended_by),
    ]
    if training.temperature is not None:
        rows.append(("temperature of the probabilities", _share(training.temperature)))
    if training.ngram_weight is not None:
        rows.append(("weight of words and pairs", f"{training.ngram_weight:g}"))
    if training.embedding_cache is not None:
        computed = training.embedding_cache.precision
        rows.append(("ELMo computed", f"in {computed} to train, and in float32 in use"))
    return _table(("what", "value"), rows)


def _measures_table(evaluation: Evaluation | None, tfidf: Baseline | None) -> str:
    if evaluation is None:
        return ""
    columns = {"this model": evaluation.metrics}
    if evaluation.baseline is not None:
        columns["last model"] = evaluation.baseline
    if tfidf is not None:
        columns["TF-IDF + logistic regression"] = tfidf.metrics
    rows = []
    for name in evaluation.metrics:
        values = [_share(each.get(name)) for each in columns.values()]
        if name == "accuracy":
            values[0] += _interval(evaluation.accuracy_interval)
        rows.append((MEASURE_NAMES.get(name, name), *values))
    return _table(("measure", *columns), rows)


def _threshold_table(evaluation: Evaluation | None) -> str:
    if evaluation is None or not evaluation.thresholds:
        return ""
    rows = [
        (
            each.slice or "all",
            MEASURE_NAMES.get(each.measure, each.measure),
            _BOUNDS[each.kind].format(each.bound),
            _share(each.value),
            "yes" if each.ok else "no",
        )
        for each in evaluation.thresholds
    ]
    return _table(("rows", "measure", "bound", "value", "reached"), rows)


def _certain(evaluation: Evaluation | None) -> str:
    certain = evaluation.certain if evaluation else None
    if certain is None:
        return ""
    return (
        f"Asked for a precision of {_share(certain.precision)}, it answers "
        f"{_share(certain.coverage)} of the test rows, and says of the others that it "
        f"is unsure. Of its answers {_share(certain.accuracy)} are right."
    )


def _analyses(evaluation: Evaluation | None) -> Iterator[str]:
    """Yields the tables of classes, lengths and slices; a line where there are none."""
    if evaluation is None:
        yield "None: the model was not tested."
        return
    classes, slices = evaluation.classes, evaluation.slices
    yield _table(
        ("class", "precision", "recall", "F1", "rows"),
        [
            (
                one.name,
                _share(one.precision) + _interval(one.precision_interval),
                _share(one.recall) + _interval(one.recall_interval),
                _share(one.f1),
                f"{one.support:,}",
            )
            for one in classes[:_MOST_ROWS]
        ],
        left_out=len(classes) - _MOST_ROWS,
    )
    for what, parts in (
        ("length of text", list(evaluation.by_length.items())),
        ("slice", [(one.name, one) for one in slices]),
    ):
        if parts:
            yield _table(
                (what, "accuracy", "AUC", "macro F1", "rows"),
                [
                    (
                        name,
                        _share(part.accuracy),
                        _share(part.auc),
                        _share(part.macro_f1),
                        f"{part.rows:,}",
                    )
                    for name, part in parts[:_MOST_ROWS]
                ],
                left_out=len(parts) - _MOST_ROWS,
            )


def _words(training: Training | None) -> Iterator[str]:
    for name, words in (training.words if training else {}).items():
        shown = ", ".join(_escaped(each.word) for each in words[:_MOST_WORDS])
        yield f"{_escaped(name)}: {shown}"


def _front_matter(summary: RunSummary, version: str) -> str:
    """Returns the metadata that Hugging Face reads, as YAML.

    Language and licence are left out: no run knows them.
    """
    card: dict[str, Any] = {
        "pipeline_tag": "text-classification",
        "library_name": "tensorflow",
        "tags": ["text-classification", "elmo", "keras", "tensorflow", "tfx"],
    }
    metrics = summary.evaluation.metrics if summary.evaluation else {}
    results = [
        {"type": kind, "name": MEASURE_NAMES[name], "value": round(value, 6)}
        for name, kind in _METRICS.items()
        if (value := metrics.get(name)) is not None
    ]
    if results:
        card["metrics"] = [result["type"] for result in results]
        data = visible_line(summary.data.pattern) or "the data of the run"
        card["model-index"] = [
            {
                "name": f"version {version}",
                "results": [
                    {
                        "task": {"type": "text-classification"},
                        "dataset": {"type": "text", "name": data, "split": "test"},
                        "metrics": results,
                    }
                ],
            }
        ]
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True)


@functools.cache
def _template() -> jinja2.Template:
    path = Path(__file__).with_name(_TEMPLATE)
    environment = jinja2.Environment(
        # It is Markdown: `_escaped` sees to its markup, and with it to that of HTML.
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.from_string(path.read_text("utf-8"))


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, left_out: int = 0
) -> str:
    """Returns a table in whose cells nothing is markup."""
    lines = [f"| {' | '.join(map(_escaped, row))} |" for row in (head, *rows)]
    lines.insert(1, "|---" * len(head) + "|")
    if left_out > 0:
        lines += ["", f"And {left_out:,} more."]
    return "\n".join(lines)


def _escaped(value: str) -> str:
    """Returns a text in one line in which nothing is markup."""
    line = _MARKUP.sub(r"\\\1", visible_line(value))
    return line.replace("www.", r"www\.")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
