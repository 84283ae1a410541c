"""The command `elmo-tfx score`."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from pipeline.cli_errors import Misuse
from pipeline.run_log import run_log

_BATCH = 64  # texts
_SIGNATURE = "predict_text"


@click.command(
    "score",
    short_help="Classify texts with a pushed model.",
    epilog="""\b
Examples:
  elmo-tfx score --model out/serving "A fine film." "What a waste of time."
  cat texts.txt | elmo-tfx score --model out/serving -
""",
)
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="A SavedModel folder, or a folder of versions: the newest whole one.",
)
@click.argument("texts", nargs=-1)
@click.pass_context
def command(ctx: click.Context, model: Path, texts: tuple[str, ...]) -> None:
    """Print one line of JSON for each text: its label and all probabilities.

    TEXTS are the texts themselves; `-` reads one text a line from standard input.
    """
    if not texts:
        raise click.UsageError("argument TEXTS: give a text, or - for stdin", ctx)
    given = (line.rstrip("\n") for line in sys.stdin) if texts == ("-",) else texts
    for answer in _answers(model, given):
        click.echo(json.dumps(answer, ensure_ascii=False))


def _answers(model: Path, texts: Iterable[str]) -> Iterator[dict[str, object]]:
    # TensorFlow greets with ten lines about processors and GPUs, some of which no
    # setting silences; what goes wrong is raised.
    with run_log(Path(os.devnull)):
        import tensorflow as tf

        from pipeline.serving_folder import newest_model

        folder = newest_model(str(model))
        if folder is None:
            raise Misuse(
                f"option --model: there is no saved_model.pb. Received: {model}"
            )
        try:
            loaded = tf.saved_model.load(folder)
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).partition("\n")[0]
            raise click.ClickException(
                f"{folder} cannot be loaded: {reason}"
            ) from error
    if _SIGNATURE not in loaded.signatures:
        raise Misuse(
            f"option --model: the model must have the signature {_SIGNATURE}. "
            f"Received: {folder} with {', '.join(loaded.signatures) or 'none'}"
        )
    predict = loaded.signatures[_SIGNATURE]
    ((name, _),) = predict.structured_input_signature[1].items()
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, _BATCH)):
        # Bytes that are no UTF-8 pass through as they came; the model replaces them.
        raw = [text.encode("utf-8", "surrogateescape") for text in batch]
        result = {k: v.numpy() for k, v in predict(**{name: tf.constant(raw)}).items()}
        for row, text in enumerate(batch):
            classes = [c.decode() for c in result["classes"][row]]
            probabilities = result["probabilities"][row]
            yield {
                "text": text.encode("utf-8", "replace").decode(),
                "label": result["label"][row].decode(),
                "probabilities": {
                    c: round(float(p), 6)
                    for c, p in zip(classes, probabilities, strict=True)
                },
            }
