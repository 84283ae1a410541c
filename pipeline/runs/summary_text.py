"""The summary of a run as lines for a person."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from tabulate import tabulate

from components.text_example_gen.notes import leak_notes
from components.text_example_gen.reading.layout import told
from pipeline.runs.summary import (
    Anomalies,
    Baseline,
    Data,
    Distance,
    Drift,
    Evaluation,
    NodeTime,
    Push,
    Rows,
    RunSummary,
    ServingCheck,
    Spans,
    Threshold,
    Training,
    WarmStart,
)
from pipeline.terminal import visible_line

_INDENT = 12  # columns
_MOST_EPOCHS = 6  # lines of the training curve
_MOST_LABELS = 8  # per split
_MOST_CLASSES = 10  # lines of the table
_MOST_SLICES = 20  # lines of the table
_MOST_NAME = 24  # columns; a longer name is cut
_MEASURES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "calibration_error": "calibration error",
}
_CLEANED = {
    "label_invisible": "without invisible characters",
    "label_unicode_form": "in one form of Unicode",
    "label_whole_number": "without .0",
    "label_truth_value": "as true or false",
}
_MOST_WRITINGS = 5
_MOST_FILES = 5
_BOUNDS = {"least": "at least", "most": "at most"}


def as_text(summary: RunSummary) -> str:
    """Returns a summary as aligned lines that end with a newline."""
    parts: list[tuple[str, Iterable[str]]] = [
        ("Data", _data(summary.data)),
        ("Span", _spans(summary.spans)),
        ("Rows", _rows(summary.rows)),
        ("Held out", _held_out(summary.data, summary.rows)),
        ("Classes", _labels(summary.rows)),
        ("Labels", _cleaned(summary.rows)),
        ("Drift", _drift(summary.drift)),
        ("Anomalies", _anomalies(summary.anomalies)),
        ("Training", _training(summary.training)),
        ("ELMo cache", _cache(summary.training)),
        ("Test", _test(summary.evaluation, summary.tfidf)),
        ("Verdict", _verdict(summary.evaluation, summary.serving_check)),
        ("Model", _model(summary.push)),
        ("Time", _times(summary.nodes)),
        ("Log", [summary.log] if summary.log else []),
        ("Score texts", [summary.score_command] if summary.score_command else []),
    ]
    lines = [""]
    for title, body in parts:
        for place, line in enumerate(body):
            begin = title if place == 0 else ""
            lines.append(f"{begin:{_INDENT}}{visible_line(line)}")
    return "\n".join(lines) + "\n"


def unread_spans(spans: Spans) -> str:
    """Says which spans of the window no run has read, or the gate did not let pass."""
    return f"of the window, {', '.join(spans.unread)} were not read or did not pass"


def drift_warnings(drift: Drift | None) -> Iterator[str]:
    """Yields each distance that is over its threshold, such as `label 0.23 (…)`."""
    for name, distance in (drift.distances if drift else {}).items():
        bound, value = distance.threshold, distance.value
        if bound is not None and value is not None and value > bound:
            yield _distance(name, distance)


def _data(data: Data) -> Iterator[str]:
    yield data.pattern
    if data.source:
        yield data.source
    yield from told(data.layouts)


def _spans(spans: Spans | None) -> Iterator[str]:
    if spans is None:
        return
    yield spans.newest
    if len(spans.window) > 1:
        rows = [f"{name} ({used:,} rows)" for name, used in spans.window.items()]
        yield "trained and tested on " + ", ".join(rows)
        yield "rows and classes below are those of the newest one"
    if spans.unread:
        yield f"{unread_spans(spans)}; --set data.span={spans.unread[0]} reads one"


def _rows(rows: Rows | None) -> Iterator[str]:
    if rows is None:
        return
    line = f"{rows.read:,} read = {rows.used:,} used + {rows.rejected:,} rejected"
    if rows.duplicates:
        line += f"; {rows.duplicates:,} of the used are repeated texts"
    yield line
    if rows.replaced_utf8:
        yield f"{rows.replaced_utf8:,} used with U+FFFD for what cannot be decoded"
    if rows.rejected:
        reasons = sorted(rows.reasons.items(), key=lambda item: (-item[1], item[0]))
        yield "rejected: " + ", ".join(f"{name} {n:,}" for name, n in reasons)
        yield f"they lie in {rows.rejected_folder}"
    if rows.left_out_files:
        names = [path.rpartition("/")[2] for path in rows.left_out_files]
        more = [f"and {len(names) - _MOST_FILES} more"] if names[_MOST_FILES:] else []
        yield f"not read, by their names: {', '.join(names[:_MOST_FILES] + more)}"


def _held_out(data: Data, rows: Rows | None) -> Iterator[str]:
    """Yields how the held-out rows were chosen, where the data says something of it."""
    if rows is None:
        return
    if data.split_column or data.held_out:
        for split in list(rows.labels)[1:]:
            if split in rows.given:
                of = data.held_out.get(split, f"column `{data.split_column}`")
                yield f"{split}: the {rows.given[split]:,} rows of {of}"
            else:
                yield f"{split}: a fraction of the training rows, as none were given"
    if data.group_column:
        yield f"rows with the same `{data.group_column}` are in the same split"
    yield from leak_notes(rows.leaked)


def _labels(rows: Rows | None) -> Iterator[str]:
    if rows and sum(sum(each.values()) for each in rows.labels.values()) > rows.used:
        yield "a row may have several labels; the shares are of all labels"
    for split, labels in (rows.labels if rows else {}).items():
        total = sum(labels.values())
        ordered = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{name} {n:,} ({n / total:.1%})" for name, n in ordered]
        if len(ordered) > _MOST_LABELS:
            shown[_MOST_LABELS:] = [f"and {len(ordered) - _MOST_LABELS} more"]
        yield f"{split:5} {total:>8,}: {', '.join(shown)}"
    yield from rows.notes if rows else ()


def _cleaned(rows: Rows | None) -> Iterator[str]:
    if rows is None or not rows.cleaned:
        return
    done = [f"{_CLEANED.get(k, k)} {n:,} rows" for k, n in rows.cleaned.items()]
    yield f"read {', '.join(done)}"
    writings = [
        f"`{_spelt(written)}` is `{label}` ({number:,})"
        for label, others in rows.cleaned_labels.items()
        for written, number in others.items()
    ]
    more = ["and others"] if len(writings) > _MOST_WRITINGS else []
    yield ", ".join(writings[:_MOST_WRITINGS] + more)


def _spelt(text: str) -> str:
    """Returns a text in which one sees what one would not see, or only as an accent."""
    return "".join(
        c if c.isprintable() and not unicodedata.combining(c) else f"\\u{ord(c):04x}"
        for c in text
    )


def _drift(drift: Drift | None) -> Iterator[str]:
    if drift is None:
        return
    first, last = drift.before[0], drift.before[-1]
    against = f"span {last}" if first == last else f"spans {first} to {last}"
    # The report also has distances without a threshold; they do not fit into a line.
    shown = [
        _distance(name, distance)
        for name, distance in drift.distances.items()
        if distance.threshold is not None
    ]
    yield f"against {against}: {', '.join(shown)}"


def _distance(name: str, distance: Distance) -> str:
    value = "not measured" if distance.value is None else f"{distance.value:.2f}"
    return f"{name.replace('_', ' ')} {value} (at most {distance.threshold:.2f})"


def _anomalies(anomalies: Anomalies | None) -> Iterator[str]:
    if anomalies is None:
        return
    if not anomalies.found:
        yield "none"
    for anomaly in anomalies.found:
        yield f"{anomaly.split}, {anomaly.feature}: {anomaly.short} (let pass)"


def _training(training: Training | None) -> Iterator[str]:
    if training is None:
        return
    epochs, best = training.epochs, training.best_epoch
    yield from _warm_start(training.warm_start)
    yield "epoch  train loss  eval loss  eval accuracy  seconds"
    for number in _shown_epochs(len(epochs), best):
        epoch = epochs[number - 1]
        yield (
            f"{number:5}  {epoch.train_loss:10.4f}  {epoch.eval_loss:9.4f}  "
            f"{epoch.eval_accuracy:13.1%}  {epoch.seconds:7.1f}"
            + ("  best" if number == best else "")
        )
    if training.stopped_early:
        yield f"stopped early after {len(epochs)} epochs; epoch {best} is kept"
    if training.ended_by == "max_steps":
        yield f"stopped after {training.steps:,} steps; epoch {best} is kept"
    if training.resumed_after:
        yield f"went on after {training.resumed_after} epochs of an interrupted run"


def _warm_start(warm_start: WarmStart | None) -> Iterator[str]:
    if warm_start is None:
        return
    if warm_start.model is None:
        yield f"started fresh: {warm_start.reason}"
        return
    line = f"started from the weights of {warm_start.model}"
    if warm_start.new_classes:
        line += f"; new classes: {', '.join(warm_start.new_classes)}"
    yield line


def _shown_epochs(count: int, best: int) -> list[int]:
    """Returns the first, the best and the last epoch, and some in between."""
    chosen = {1, best, count}
    step = max(1, -(-count // (_MOST_EPOCHS - 2)))
    for number in range(1, count + 1, step):
        if len(chosen) < _MOST_EPOCHS:
            chosen.add(number)
    return sorted(chosen)


def _cache(training: Training | None) -> Iterator[str]:
    cache = training.embedding_cache if training else None
    if cache is None:
        return
    first, later = cache.first_epoch_seconds, cache.later_epoch_seconds
    size, bound = cache.bytes / 2**20, cache.bound_bytes / 2**30
    line = (
        f"{cache.cached_examples:,} of {cache.examples:,} texts, "
        f"{size:,.0f} MiB (bound {bound:g} GiB)"
    )
    if later is not None and first > 0:
        line += f"; later epochs cost {later / first:.0%} of the first"
    yield line


def _test(evaluation: Evaluation | None, tfidf: Baseline | None) -> Iterator[str]:
    if evaluation is not None:
        yield _measures(evaluation.metrics, evaluation.thresholds)
    if tfidf is not None:
        measures = _measures(tfidf.metrics)
        for line in ([measures] if measures else []) + tfidf.notes:
            yield f"TF-IDF + logistic regression, same splits: {line}"
    if evaluation is not None:
        yield from evaluation_lines(evaluation)


def _measures(
    metrics: Mapping[str, float | None], thresholds: Iterable[Threshold] = ()
) -> str:
    bounds = {
        each.measure: f" ({_BOUNDS[each.kind]} {_value(each.measure, each.bound)})"
        for each in thresholds
        if each.kind in _BOUNDS and not each.slice
    }
    values = ((name, metrics.get(name)) for name in _MEASURES)
    return ", ".join(
        f"{_MEASURES[name]} {_value(name, value)}{bounds.get(name, '')}"
        for name, value in values
        if value is not None
    )


def _value(name: str, value: float) -> str:
    return f"{value:.1%}" if name == "accuracy" else f"{value:.3f}"


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Returns the measures by class, by length and by slice as tables, then the notes.

    Of more than 10 classes, those with the lowest F1 are shown; of more than 20 slices,
    those with the lowest accuracy. "-" is undefined.
    """
    classes, lines = evaluation.classes, []
    if len(classes) > _MOST_CLASSES:
        ordered = sorted(classes, key=lambda one: (one.f1 is None, one.f1 or 0.0))
        lines = [f"the {_MOST_CLASSES} of {len(classes)} classes with the lowest F1:"]
        classes = ordered[:_MOST_CLASSES]
    lines += _table(
        ["class", "precision", "recall", "F1", "rows"],
        [
            [_cut(one.name), one.precision, one.recall, one.f1, f"{one.support:,}"]
            for one in classes
        ],
    )
    lines += _table(
        ["length", "accuracy", "AUC", "macro F1", "rows"],
        [
            [name, third.accuracy, third.auc, third.macro_f1, f"{third.rows:,}"]
            for name, third in evaluation.by_length.items()
        ],
    )
    slices = evaluation.slices
    if len(slices) > _MOST_SLICES:
        lines.append(
            f"the {_MOST_SLICES} of {len(slices)} slices with the lowest accuracy:"
        )
        slices = sorted(
            slices, key=lambda one: (one.accuracy is None, one.accuracy or 0.0)
        )[:_MOST_SLICES]
    lines += _table(
        ["slice", "accuracy", "AUC", "macro F1", "rows"],
        [
            [_cut(one.name), one.accuracy, one.auc, one.macro_f1, f"{one.rows:,}"]
            for one in slices
        ],
    )
    return lines + evaluation.notes


def _table(headers: list[str], rows: list[list[str | float | None]]) -> list[str]:
    if not rows:
        return []
    cells = [
        [f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row]
        for row in rows
    ]
    text = tabulate(
        cells,
        headers,
        tablefmt="plain",
        missingval="-",
        disable_numparse=True,
        colalign=["left"] + ["right"] * (len(headers) - 1),
    )
    return text.split("\n")


def _cut(name: str) -> str:
    name = visible_line(name)
    return name if len(name) <= _MOST_NAME else name[: _MOST_NAME - 1] + "…"


def _verdict(
    evaluation: Evaluation | None, serving: ServingCheck | None
) -> Iterator[str]:
    if evaluation is not None:
        against = (
            "no earlier model to compare with"
            if evaluation.baseline is None
            else "compared with the last blessed model"
        )
        verdict = "blessed" if evaluation.blessed else "refused"
        yield f"{verdict} by the Evaluator ({against})"
        if not evaluation.blessed:
            yield from evaluation.failures
    if serving is not None:
        yield f"{'blessed' if serving.blessed else 'refused'} by ServingCheck"
        if not serving.blessed:
            yield from serving.reasons or ()


def _model(push: Push | None) -> Iterator[str]:
    if push is None:
        return
    if not push.pushed:
        yield "not pushed"
    elif push.path is None:
        yield "unchanged; the version that an earlier run pushed is no longer there"
    else:
        yield f"{'pushed to' if push.now else 'unchanged, at'} {push.path}"


def _times(nodes: list[NodeTime]) -> Iterator[str]:
    ran = [node for node in nodes if node.state == "done" and node.seconds >= 0.05]
    unchanged = sum(node.state == "unchanged" for node in nodes)
    if ran:
        yield ", ".join(f"{node.node} {node.seconds:.1f} s" for node in ran)
    total = sum(node.seconds for node in nodes)
    yield f"{total:.1f} s in all nodes; {unchanged} of {len(nodes)} were unchanged"
