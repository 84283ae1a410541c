"""The summary of a run as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_MOST_IN_TABLE = 10
_MOST_NAME = 24  # columns; a longer name is cut


def evaluation_lines(report: dict[str, Any]) -> list[str]:
    """Returns two small tables, and the notes, of what `read_evaluation` gave.

    Of more than 10 classes the 10 with the lowest F1 are shown; "-" is undefined.
    """
    return [*_class_table(report), *_lengths(report), *report["notes"]]


def _class_table(report: dict[str, Any]) -> Iterator[str]:
    classes = report["classes"]
    if not classes:
        return
    shown = classes
    if len(classes) > _MOST_IN_TABLE:
        worst = sorted(classes, key=lambda one: (one["f1"] is None, one["f1"] or 0.0))
        shown = worst[:_MOST_IN_TABLE]
        yield f"the {_MOST_IN_TABLE} of {len(classes)} classes with the lowest F1:"
    width = max(len("class"), *(len(_cut(one["name"])) for one in shown))
    yield f"{'class':{width}}  precision  recall     F1    rows"
    for one in shown:
        yield (
            f"{_cut(one['name']):{width}}  {_share(one['precision']):>9}  "
            f"{_share(one['recall']):>6}  {_share(one['f1']):>5}  {one['support']:>6,}"
        )


def _lengths(report: dict[str, Any]) -> Iterator[str]:
    if report["by_length"]:
        yield "length  accuracy    AUC  macro F1    rows"
    for bucket, measures in report["by_length"].items():
        yield (
            f"{bucket:6}  {_share(measures['accuracy']):>8}  "
            f"{_share(measures['auc']):>5}  {_share(measures['macro_f1']):>8}  "
            f"{measures['rows']:>6,}"
        )


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_NAME else name[: _MOST_NAME - 1] + "…"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def span_lines(spans: dict[str, Any] | None) -> Iterable[str]:
    """Gives the newest span, and of what the window consists."""
    if spans is None:
        return
    yield spans["newest"]
    if len(spans["window"]) > 1:
        rows = [f"{name} ({used:,} rows)" for name, used in spans["window"].items()]
        yield "trained and tested on " + ", ".join(rows)
        yield "rows and classes below are those of the newest one"
    if spans.get("unread"):
        first = spans["unread"][0]
        yield f"{unread_spans(spans)}; --set data.span={first} reads one"


def unread_spans(spans: dict[str, Any]) -> str:
    """Says which spans of the window no run has read, or the gate did not let pass."""
    return f"of the window, {', '.join(spans['unread'])} were not read or did not pass"


def drift_lines(drift: dict[str, Any] | None) -> Iterable[str]:
    """Gives the distances from the window before, and what they may be."""
    if drift is None:
        return
    first, last = drift["before"][0], drift["before"][-1]
    against = f"span {last}" if first == last else f"spans {first} to {last}"
    # Of what has no threshold the report tells more than fits into a line.
    shown = [
        _distance(name, distance)
        for name, distance in drift["distances"].items()
        if distance["threshold"] is not None
    ]
    yield f"against {against}: {', '.join(shown)}"


def drift_warnings(drift: dict[str, Any] | None) -> Iterable[str]:
    """Returns each distance that is over its threshold, such as `label 0.23 (…)`."""
    for name, distance in (drift or {"distances": {}})["distances"].items():
        bound, value = distance["threshold"], distance["value"]
        if bound is not None and value is not None and value > bound:
            yield _distance(name, distance)


def _distance(name: str, distance: dict[str, Any]) -> str:
    value = distance["value"]
    told = "not measured" if value is None else f"{value:.2f}"
    return f"{name.replace('_', ' ')} {told} (at most {distance['threshold']:.2f})"


_INDENT = 12  # columns
_MOST_EPOCHS = 6  # lines of the training curve
_MOST_COUNTS = 8  # per split
_NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "macro_f1": "macro F1",
    "calibration_error": "calibration error",
}


def as_text(facts: dict[str, Any]) -> str:
    """Returns what `summarize` gathered, as aligned lines that end with a newline."""
    parts: list[tuple[str, Iterable[str]]] = [
        ("Data", _data(facts["data"])),
        ("Span", span_lines(facts["spans"])),
        ("Rows", _rows(facts["rows"])),
        ("Classes", _class_counts(facts["rows"])),
        ("Drift", drift_lines(facts["drift"])),
        ("Anomalies", _anomalies(facts["anomalies"])),
        ("Training", _training(facts["training"])),
        ("ELMo cache", _cache(facts["training"])),
        ("Test", _test(facts["evaluation"], facts["tfidf"])),
        ("Verdict", _verdict(facts["evaluation"], facts["serving_check"])),
        ("Model", _model(facts["push"])),
        ("Time", _time(facts["nodes"])),
        ("Log", [facts["log"]] if facts["log"] else []),
        ("Score texts", [facts["score_command"]] if facts["score_command"] else []),
    ]
    lines = [""]
    for title, body in parts:
        for place, line in enumerate(body):
            lines.append(f"{title if place == 0 else '':{_INDENT}}{line}")
    return "\n".join(lines) + "\n"


def _data(data: dict[str, Any]) -> Iterable[str]:
    yield data["pattern"]
    if data["source"]:
        yield data["source"]


def _rows(rows: dict[str, Any] | None) -> Iterable[str]:
    if rows is None:
        return
    line = (
        f"{rows['read']:,} read = {rows['used']:,} used + {rows['rejected']:,} rejected"
    )
    if rows["duplicates"]:
        line += f"; {rows['duplicates']:,} of the used are repeated texts"
    yield line
    if rows["rejected"]:
        reasons = sorted(rows["reasons"].items(), key=lambda item: (-item[1], item[0]))
        yield "rejected: " + ", ".join(f"{name} {n:,}" for name, n in reasons)
        yield f"they lie in {rows['rejected_folder']}"


def _class_counts(rows: dict[str, Any] | None) -> Iterable[str]:
    for split, labels in (rows or {"labels": {}})["labels"].items():
        total = sum(labels.values())
        ordered = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
        shown = [
            f"{name} {n:,} ({n / total:.1%})" for name, n in ordered[:_MOST_COUNTS]
        ]
        if len(ordered) > _MOST_COUNTS:
            shown.append(f"and {len(ordered) - _MOST_COUNTS} more")
        yield f"{split:5} {total:>8,}: {', '.join(shown)}"


def _anomalies(anomalies: dict[str, Any] | None) -> Iterable[str]:
    if anomalies is None:
        return
    if not anomalies["found"]:
        yield "none"
    for found in anomalies["found"]:
        yield f"{found['split']}, {found['feature']}: {found['short']} (let pass)"


def _training(training: dict[str, Any] | None) -> Iterable[str]:
    if training is None:
        return
    epochs, best = training["epochs"], training["best_epoch"]
    yield from _warm_start(training["warm_start"])
    yield "epoch  train loss  eval loss  eval accuracy  seconds"
    for number in _shown(len(epochs), best):
        epoch = epochs[number - 1]
        yield (
            f"{number:5}  {epoch['train_loss']:10.4f}  {epoch['eval_loss']:9.4f}  "
            f"{epoch['eval_accuracy']:13.1%}  {epoch['seconds']:7.1f}"
            + ("  best" if number == best else "")
        )
    if training["stopped_early"]:
        yield f"stopped early after {len(epochs)} epochs; epoch {best} is kept"
    if training["ended_by"] == "max_steps":
        yield f"stopped after {training['steps']:,} steps; epoch {best} is kept"
    if training["resumed_after"]:
        yield f"went on after {training['resumed_after']} epochs of an interrupted run"


def _warm_start(warm_start: dict[str, Any] | None) -> Iterable[str]:
    if warm_start is None:
        return
    if warm_start["from"] is None:
        yield f"started fresh: {warm_start['reason']}"
        return
    line = f"started from the weights of {warm_start['from']}"
    if warm_start["new_classes"]:
        line += f"; new classes: {', '.join(warm_start['new_classes'])}"
    yield line


def _shown(count: int, best: int) -> list[int]:
    """Returns the first, the best and the last epoch, and some in between."""
    chosen = {1, best, count}
    step = max(1, -(-count // (_MOST_EPOCHS - 2)))
    for number in range(1, count + 1, step):
        if len(chosen) < _MOST_EPOCHS:
            chosen.add(number)
    return sorted(chosen)


def _cache(training: dict[str, Any] | None) -> Iterable[str]:
    cache = (training or {}).get("embedding_cache")
    if not cache:
        return
    first, later = cache["first_epoch_seconds"], cache["later_epoch_seconds"]
    size, bound = cache["bytes"] / 2**20, cache["bound_bytes"] / 2**30
    line = (
        f"{cache['cached_examples']:,} of {cache['examples']:,} texts, "
        f"{size:,.0f} MiB (bound {bound:g} GiB)"
    )
    if later is not None and first > 0:
        line += f"; later epochs cost {later / first:.0%} of the first"
    yield line


def _test(
    evaluation: dict[str, Any] | None, tfidf: dict[str, Any] | None
) -> Iterable[str]:
    if evaluation is not None:
        yield _measures(evaluation["metrics"], _bounds(evaluation["thresholds"]))
    if tfidf is not None:
        shown = _measures(tfidf["metrics"], {})
        for line in ([shown] if shown else []) + tfidf["notes"]:
            yield f"TF-IDF + logistic regression, same splits: {line}"
    if evaluation is not None:
        yield from evaluation_lines(evaluation)


def _bounds(thresholds: list[dict[str, Any]]) -> dict[str, str]:
    """Returns measure -> the bound on its value, as it stands behind the value."""
    words = {"least": "at least", "most": "at most"}
    return {
        t["measure"]: f" ({words[t['kind']]} {_value(t['measure'], t['bound'])})"
        for t in thresholds
        if t["kind"] in words
    }


def _measures(metrics: dict[str, Any], bounds: Mapping[str, str]) -> str:
    return ", ".join(
        f"{label} {_value(name, metrics[name])}{bounds.get(name, '')}"
        for name, label in _NAMES.items()
        if metrics.get(name) is not None
    )


def _value(name: str, value: float) -> str:
    return f"{value:.1%}" if name == "accuracy" else f"{value:.3f}"


def _verdict(
    evaluation: dict[str, Any] | None, serving: dict[str, Any] | None
) -> Iterable[str]:
    if evaluation is not None:
        against = (
            "compared with the last blessed model"
            if evaluation["baseline"] is not None
            else "no earlier model to compare with"
        )
        if evaluation["blessed"]:
            yield f"blessed by the Evaluator ({against})"
        else:
            yield f"refused by the Evaluator ({against})"
            yield from evaluation["failures"]
    if serving is not None:
        if serving["blessed"]:
            yield "blessed by ServingCheck"
        else:
            yield "refused by ServingCheck"
            yield from serving["reasons"] or ()


def _model(push: dict[str, Any] | None) -> Iterable[str]:
    if push is None:
        return
    if not push["pushed"]:
        yield "not pushed"
    else:
        yield f"{'pushed to' if push['now'] else 'unchanged, at'} {push['path']}"


def _time(nodes: list[dict[str, Any]]) -> Iterable[str]:
    ran = [n for n in nodes if n["state"] == "done" and n["seconds"] >= 0.05]
    total = sum(n["seconds"] for n in nodes)
    unchanged = sum(n["state"] == "unchanged" for n in nodes)
    if ran:
        yield ", ".join(f"{n['node']} {n['seconds']:.1f} s" for n in ran)
    yield f"{total:.1f} s in all nodes; {unchanged} of {len(nodes)} were unchanged"
