"""The summary of a run as lines for a person."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable, Iterator

from components.text_example_gen.notes import (
    correction_notes,
    leak_notes,
    split_file_notes,
)
from components.text_example_gen.reading.layout import told
from pipeline.evaluation.facts import Evaluation
from pipeline.files import short_names
from pipeline.runs.evaluation_text import measured_lines
from pipeline.runs.summary import (
    Anomalies,
    Data,
    Distance,
    Drift,
    NodeTime,
    Push,
    Rows,
    RunSummary,
    ServingCheck,
    Spans,
)
from pipeline.runs.training_facts import CertainOnEval, Training, WarmStart
from pipeline.runs.tuning_text import tuning_lines
from pipeline.terminal import visible_line

_INDENT = 12  # columns
_MOST_EPOCHS = 6  # lines of the training curve
_MOST_LABELS = 8  # per split
_CLEANED = {
    "label_invisible": "without invisible characters",
    "label_white_space": "with one blank for several",
    "label_unicode_form": "in one form of Unicode",
    "label_whole_number": "without .0",
    "label_truth_value": "as true or false",
}
_MOST_WRITINGS = 5
_MOST_FILES = 5


def as_text(summary: RunSummary) -> str:
    """Returns a summary as aligned lines that end with a newline."""
    is_earlier = any(
        each.node == "Trainer" and each.state == "unchanged" for each in summary.nodes
    )
    parts: list[tuple[str, Iterable[str]]] = [
        ("Data", _data(summary.data)),
        ("Span", _spans(summary.spans)),
        ("Rows", _rows(summary.rows)),
        ("Held out", _held_out(summary.data, summary.rows)),
        ("Classes", _labels(summary.rows)),
        ("Labels", _cleaned(summary.rows)),
        ("Drift", _drift(summary.drift)),
        ("Anomalies", _anomalies(summary.anomalies)),
        ("Training", _training(summary.training, is_earlier)),
        ("Embeddings", _embeddings(summary.training, is_earlier)),
        ("Test", measured_lines(summary.evaluation, summary.tfidf)),
        ("Verdict", _verdict(summary.evaluation, summary.serving_check)),
        ("Model", _model(summary.push)),
        ("Time", _times(summary.nodes)),
        ("Log", [summary.log] if summary.log else []),
        ("Score texts", [summary.score_command] if summary.score_command else []),
        ("Report", [summary.report] if summary.report else []),
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
        names = short_names(rows.left_out_files)
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
    yield from split_file_notes(rows.split_files)
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
    if rows is None:
        return
    yield from correction_notes(rows.corrections)
    if not rows.cleaned:
        return
    done = [f"{_CLEANED.get(k, k)} {n:,} rows" for k, n in rows.cleaned.items()]
    yield f"read {', '.join(done)}"
    writings = [
        f"`{spelt(written)}` is `{label}` ({number:,})"
        for label, others in rows.cleaned_labels.items()
        for written, number in others.items()
    ]
    more = ["and others"] if len(writings) > _MOST_WRITINGS else []
    yield ", ".join(writings[:_MOST_WRITINGS] + more)


def spelt(text: str) -> str:
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


def _training(training: Training | None, is_earlier: bool) -> Iterator[str]:
    if training is None:
        return
    if is_earlier:
        yield "of an earlier run:"
    epochs, best = training.epochs, training.best_epoch
    yield from tuning_lines(training.tuning)
    yield from _warm_start(training.warm_start)
    yield "epoch  train loss  eval loss  eval accuracy  seconds"
    for number in _shown_epochs(len(epochs), best):
        epoch = epochs[number - 1]
        yield (
            f"{number:5}  {epoch.train_loss:10.4f}  {epoch.eval_loss:9.4f}  "
            f"{epoch.eval_accuracy:13.1%}  {epoch.seconds:7.1f}"
            + ("  kept" if number == best else "")
        )
    if training.stopped_early:
        yield f"stopped early after {len(epochs)} epochs; epoch {best} is kept"
    if training.ended_by == "max_steps":
        yield f"stopped after {training.steps:,} steps; epoch {best} is kept"
    if training.resumed_after:
        yield f"went on after {training.resumed_after} epochs of an interrupted run"
    if training.temperature is not None:
        temperature = f"temperature {training.temperature:.2f}"
        yield f"probabilities calibrated on eval: {temperature}"
    if training.ngram_weight is not None:
        weight = f"{training.ngram_weight:g}"
        line = f"words and pairs count {weight} times beside ELMo's vectors"
        if training.eval_accuracy is not None:
            line += f": eval accuracy {training.eval_accuracy:.1%}"
        yield line
    yield from _certain(training.certain)


def _certain(certain: CertainOnEval | None) -> Iterator[str]:
    if certain is None:
        return
    if certain.threshold > 1:
        yield (
            "unsure of every text: too little on eval says that the answers from any "
            f"probability on have a precision of {certain.precision:g}"
        )
    else:
        yield (
            f"sure from probability {certain.threshold:.3f} on, for a precision of "
            f"{certain.precision:g}: {certain.coverage:.1%} of the eval texts"
        )


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


def _embeddings(training: Training | None, is_earlier: bool) -> Iterator[str]:
    cache = training.embedding_cache if training else None
    if cache is None:
        return
    size, bound = cache.bytes / 2**20, cache.bound_bytes / 2**30
    line = (
        f"vectors of {cache.cached_examples:,} of {cache.examples:,} texts stored, "
        f"{size:,.0f} MiB (bound {bound:g} GiB)"
    )
    if cache.encoded_examples is not None and not is_earlier:
        new = cache.encoded_examples
        line += f"; {new:,} different texts were new" if new else "; none was new"
    if cache.precision != "float32":
        line += f"; computed in {cache.precision}"
    yield line


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


def not_served(push: Push | None) -> Iterator[str]:
    """Yields a line if servers take another version, and another model."""
    if push is not None and push.path is not None and push.instead is not None:
        output, _, version = push.path.rstrip("/").rsplit("/", 2)
        yield (
            f"not served: {push.instead} is newer; to serve this model again: elmo-tfx "
            f"rollback --output {shlex.quote(output)} --to {version}"
        )


def _model(push: Push | None) -> Iterator[str]:
    if push is None:
        return
    if not push.pushed:
        yield "not pushed"
    elif push.path is None:
        yield "unchanged; the version that an earlier run pushed is no longer there"
    else:
        yield f"{'pushed to' if push.now else 'unchanged, at'} {push.path}"
        yield from not_served(push)


def _times(nodes: list[NodeTime]) -> Iterator[str]:
    ran = [node for node in nodes if node.state == "done" and node.seconds >= 0.05]
    unchanged = sum(node.state == "unchanged" for node in nodes)
    if ran:
        yield ", ".join(f"{node.node} {node.seconds:.1f} s" for node in ran)
    total = sum(node.seconds for node in nodes)
    yield f"{total:.1f} s in all nodes; {unchanged} of {len(nodes)} were unchanged"
