"""The command `elmo-tfx score`."""

from __future__ import annotations

import codecs
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from components.text_example_gen.options import replace_surrogates
from pipeline.errors import UserError
from pipeline.features import CHOSEN, UNSURE
from pipeline.files import is_local
from pipeline.lean_imports import no_garbage_search, without_unused
from pipeline.runs.progress import say_loading
from pipeline.serving.versions import find_model, load_classifier
from pipeline.terminal import visible_line, was_closed, write_styled

_BATCH = 64  # texts
# Weights in nats from which on a word is coloured, and from which on strongly.
_SHOWN, _STRONG = 0.1, 0.4
_LEGEND = "green: speaks for the label; red: against it; bold: strongly"


@click.command(
    "score",
    epilog="""\b
Examples:
  elmo-tfx score --model out/serving "A fine film." "What a waste of time."
  elmo-tfx score --model out/serving --explain "A fine film."
  cat texts.txt | elmo-tfx score --model out/serving -
""",
)
@click.option(
    "--model",
    default="out/serving",
    help="A SavedModel folder, or a folder of versions: the newest whole one; "
    "default: out/serving.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Say which words decided: in colours on a terminal, else as `words`.",
)
@click.argument("texts", nargs=-1)
@click.pass_context
def command(
    ctx: click.Context, model: str, explain: bool, texts: tuple[str, ...]
) -> None:
    """Print one line of JSON for each text: its label and all probabilities.

    TEXTS are the texts themselves; `-` alone reads one text a line from standard input.
    With --explain, each line also has `words`: every token that the model read, with
    its weight, above 0 if it speaks for the label. On a terminal the label and the
    coloured words are shown instead.
    """
    if not texts:
        raise click.UsageError("argument TEXTS: give a text, or - for stdin", ctx)
    if texts == ("-",) and was_closed("stdin"):
        raise UserError("argument TEXTS: - reads standard input, which is closed")
    if is_local(model):
        find_model(model)  # what is missing is said at once
    say_loading()
    lines = _lines() if texts == ("-",) else texts
    is_shown = explain and sys.stdout.isatty()
    colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if is_shown and colours:
        click.echo(_LEGEND, err=True)
    empty = 0
    for answer in _answers(model, lines, explain):
        empty += not answer["text"].strip()
        if is_shown:
            _show(answer, colours)
        else:
            click.echo(json.dumps(answer, ensure_ascii=False))
    if empty:
        click.echo(
            f"texts that are empty, whatever their answer says: {empty}", err=True
        )


def _lines() -> Iterator[str]:
    """Yields the lines of standard input, whoever wrote them.

    Bytes that are not UTF-8 become lone surrogates, whatever the locale is; a byte
    order mark is none of the text, nor is the end of a line.
    """
    mark = codecs.BOM_UTF8
    for number, line in enumerate(sys.stdin.buffer):
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        line = line.removeprefix(mark) if number == 0 else line
        yield line.decode("utf-8", "surrogateescape")


def _show(answer: Mapping[str, Any], colours: bool) -> None:
    """Writes the label and the words of a text, in two lines for a terminal.

    Without colours the words that would have one have their weights instead.
    """
    chance = max(answer["probabilities"].values())
    line = f"{answer['label']} {chance:.4f}"
    if "labels" in answer:  # the words are those of the most probable one
        line += f" (labels: {', '.join(answer['labels']) or 'none'})"
    if answer.get(UNSURE):
        line += " (unsure)"
    click.echo(visible_line(line))
    for word in answer["words"]:
        token, weight = word["token"], word["weight"]
        style: dict[str, Any] = {}
        if abs(weight) >= _SHOWN and colours:
            style["fg"] = "green" if weight > 0 else "red"
            style["bold"] = abs(weight) >= _STRONG or None  # False ends it
        elif abs(weight) >= _SHOWN:
            token += f"[{weight:+.2f}]"
        sys.stdout.write(" ")
        write_styled(sys.stdout, token, **style)
    click.echo()


def _answers(
    model: str, texts: Iterable[str], explain: bool = False
) -> Iterator[dict[str, Any]]:
    from pipeline.evaluation.explanations import words_of
    from pipeline.runs.run_log import run_log

    # TensorFlow greets with ten lines about processors and GPUs, some of which no
    # setting silences; what goes wrong is raised.
    with run_log(Path(os.devnull)), without_unused(), no_garbage_search():
        import tensorflow as tf

        predict = load_classifier(find_model(model), explain=explain)
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, _BATCH)):
        # Bytes that are not UTF-8 pass through as they came; the model replaces them.
        raw = [text.encode("utf-8", "surrogateescape") for text in batch]
        result = {k: v.numpy() for k, v in predict(tf.constant(raw)).items()}
        words = words_of(result) if explain else []
        for row, text in enumerate(batch):
            classes = [c.decode() for c in result["classes"][row]]
            probabilities = result["probabilities"][row]
            several = {}
            if CHOSEN in result:
                chosen = itertools.compress(classes, result[CHOSEN][row])
                several["labels"] = list(chosen)
            unsure = {UNSURE: bool(result[UNSURE][row])} if UNSURE in result else {}
            yield {
                "text": replace_surrogates(text),
                **several,
                "label": result["label"][row].decode(),
                **unsure,
                "probabilities": {
                    c: round(float(p), 6)
                    for c, p in zip(classes, probabilities, strict=True)
                },
                **({"words": [w.model_dump() for w in words[row]]} if explain else {}),
            }
