"""The command `elmo-tfx score`."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from pipeline.features import CHOSEN, UNSURE
from pipeline.files import is_local
from pipeline.runs.progress import say_loading
from pipeline.serving.versions import find_model, load_classifier

_BATCH = 64  # texts


@click.command(
    "score",
    epilog="""\b
Examples:
  elmo-tfx score --model out/serving "A fine film." "What a waste of time."
  cat texts.txt | elmo-tfx score --model out/serving -
""",
)
@click.option(
    "--model",
    required=True,
    help="A SavedModel folder, or a folder of versions: the newest whole one.",
)
@click.argument("texts", nargs=-1)
@click.pass_context
def command(ctx: click.Context, model: str, texts: tuple[str, ...]) -> None:
    """Print one line of JSON for each text: its label and all probabilities.

    TEXTS are the texts themselves; `-` reads one text a line from standard input.
    """
    if not texts:
        raise click.UsageError("argument TEXTS: give a text, or - for stdin", ctx)
    if is_local(model):
        find_model(model)  # what is missing is said at once
    say_loading()
    lines = (line.rstrip("\n") for line in sys.stdin) if texts == ("-",) else texts
    for answer in _answers(model, lines):
        click.echo(json.dumps(answer, ensure_ascii=False))


def _answers(model: str, texts: Iterable[str]) -> Iterator[dict[str, object]]:
    from pipeline.runs.run_log import run_log

    # TensorFlow greets with ten lines about processors and GPUs, some of which no
    # setting silences; what goes wrong is raised.
    with run_log(Path(os.devnull)):
        import tensorflow as tf

        predict = load_classifier(find_model(model))
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, _BATCH)):
        # Bytes that are not UTF-8 pass through as they came; the model replaces them.
        raw = [text.encode("utf-8", "surrogateescape") for text in batch]
        result = {k: v.numpy() for k, v in predict(tf.constant(raw)).items()}
        for row, text in enumerate(batch):
            classes = [c.decode() for c in result["classes"][row]]
            probabilities = result["probabilities"][row]
            several = {}
            if CHOSEN in result:
                chosen = itertools.compress(classes, result[CHOSEN][row])
                several["labels"] = list(chosen)
            unsure = {UNSURE: bool(result[UNSURE][row])} if UNSURE in result else {}
            yield {
                "text": text.encode("utf-8", "replace").decode(),
                **several,
                "label": result["label"][row].decode(),
                **unsure,
                "probabilities": {
                    c: round(float(p), 6)
                    for c, p in zip(classes, probabilities, strict=True)
                },
            }
