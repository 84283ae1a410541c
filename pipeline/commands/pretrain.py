"""The command `elmo-tfx pretrain`."""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pipeline.commands.numbers import FiniteNumber, WholeNumber
from pipeline.errors import RunError, UserError
from pipeline.files import locked_folder
from pipeline.full_disk import with_full_disk
from pipeline.runs.progress import say_loading
from pipeline.terminal import visible_line

# As `Settings` has them, whose import takes seconds.
_ABOVE_0 = FiniteNumber(min=0, min_open=True)
_AT_LEAST_1 = WholeNumber(1)
_RATE, _START_RATE = 2e-3, 5e-4
_BACKENDS = ("tensorflow", "jax", "torch")  # of Keras, by their packages


@click.command(
    "pretrain",
    epilog="""\b
Examples:
  elmo-tfx pretrain --corpus 'texts/*.txt' --output my_elmo/
  elmo-tfx pretrain --corpus 'texts/*.txt.xz' --output my_elmo/ --minutes 600 \\
      --corpus-note "Ten years of our tickets" --licence "internal use"
  elmo-tfx pretrain --corpus 'tickets/*.txt' --start default --output our_elmo/
""",
)
@click.option(
    "--corpus",
    multiple=True,
    help="Pattern of UTF-8 text files (.txt, .gz, .xz), a paragraph a line; may be "
    "repeated. Leave it out where OUTPUT holds the prepared texts.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the model, new or empty; a training found there goes on.",
)
@click.option(
    "--options",
    "options_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An options.json with other sizes of the model.",
)
@click.option(
    "--start",
    default="",
    help="ELMo source to go on from, such as default: for texts of your own domain.",
)
@click.option("--minutes", type=_ABOVE_0, help="Time to train for.  [default: 60]")
@click.option(
    "--steps", type=_AT_LEAST_1, help="Batches to train on, in place of a time."
)
@click.option(
    "--batch",
    "rows",
    type=_AT_LEAST_1,
    default=64,
    show_default=True,
    help="Rows of a batch.",
)
@click.option(
    "--unroll", type=_AT_LEAST_1, default=20, show_default=True, help="Tokens of a row."
)
@click.option(
    "--learning-rate",
    type=_ABOVE_0,
    help="The highest one.  [default: 0.002; 0.0005 with --start]",
)
@click.option(
    "--dropout",
    type=FiniteNumber(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the LSTMs' inputs and outputs set to zero in training.",
)
@click.option(
    "--lowercase-share",
    type=FiniteNumber(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the rows that are read and predicted in lower case.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "mixed_bfloat16"]),
    default="float32",
    show_default=True,
    help="Precision to train in; mixed_bfloat16 is for GPUs and TPUs.",
)
@click.option(
    "--negatives",
    type=_AT_LEAST_1,
    default=1024,
    show_default=True,
    help="Words that are sampled for a batch; at most half of those there are.",
)
@click.option(
    "--vocabulary-size",
    "max_vocabulary",
    type=WholeNumber(4),
    default=40_000,
    show_default=True,
    help="Most frequent words that are predicted; all words are read.",
)
@click.option(
    "--min-count",
    type=WholeNumber(0),
    default=3,
    show_default=True,
    help="Occurrences a predicted word has at least.",
)
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True)
@click.option(
    "--held-out-every",
    type=_AT_LEAST_1,
    default=100,
    show_default=True,
    help="Each line with this number is not trained on but measured on.",
)
@click.option(
    "--corpus-note", default="", help="For the model card: what the texts are."
)
@click.option("--licence", default="", help="For the model card: that of the texts.")
@click.option("--float16", is_flag=True, help="Store the weights in half the size.")
@click.option(
    "--prepare-only",
    is_flag=True,
    help="Write the word ids and stop: training may then run on another machine.",
)
def command(
    *,
    corpus: tuple[str, ...],
    output: Path,
    options_file: Path | None,
    start: str,
    learning_rate: float | None,
    minutes: float | None,
    steps: int | None,
    held_out_every: int,
    corpus_note: str,
    licence: str,
    float16: bool,
    prepare_only: bool,
    **settings: Any,  # the other ones of `Settings`, by their names
) -> None:
    """Train a small ELMo on plain texts, to a folder usable as `elmo.source`.

    A training that was stopped goes on from its last checkpoint, at most five
    minutes back, when the same command is given again.
    """
    if minutes is not None and steps is not None:
        raise UserError("options --minutes and --steps: give one of them")
    if start and options_file is not None:
        raise UserError(
            "options --start and --options: give one of them; a model that is gone on "
            "from keeps its sizes"
        )
    _check_backend()
    _check_output(output)
    if start:
        _check_start(start)
    for pattern in corpus:
        if not glob.glob(pattern, recursive=True):
            raise UserError(
                "option --corpus: it must match at least one text file. "
                f"Received: {pattern}"
            )
    say_loading()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")

    from keras_elmo.errors import SourceError
    from keras_elmo.options import BiLMOptions
    from keras_elmo.pretraining import Settings, pretrain

    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("keras_elmo").setLevel(logging.INFO)
    try:
        how = Settings(
            steps=steps,
            minutes=60.0 if minutes is None and steps is None else minutes,
            start=start,
            learning_rate=learning_rate or (_START_RATE if start else _RATE),
            **settings,
        )
        with _held(output):
            perplexity = pretrain(
                corpus or None,
                output,
                settings=None if prepare_only else how,
                options=BiLMOptions.from_file(options_file) if options_file else None,
                held_out_every=held_out_every,
                corpus_note=corpus_note,
                licence=licence,
                weights_dtype="float16" if float16 else "float32",
            )
    except (FileNotFoundError, ValueError, SourceError) as error:
        raise UserError(str(error)) from error
    except FloatingPointError as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(with_full_disk(str(error), str(output.absolute()))) from error
    if perplexity is None:
        line = f"The texts are prepared in {output / 'training'}"
    else:
        line = f"Held-out perplexity {perplexity:.1f}; the model is in {output}"
    click.echo(visible_line(line))


def _check_backend() -> None:
    """Refuses a backend that Keras could not import.

    Raises:
        UserError: The environment names one.
    """
    name = os.environ.get("KERAS_BACKEND")
    if name and (name not in _BACKENDS or not importlib.util.find_spec(name)):
        raise UserError(
            f"KERAS_BACKEND must be one of {', '.join(_BACKENDS)}, and be installed. "
            f"Received: {name!r} (hint: unset it, for TensorFlow)"
        )


def _check_output(output: Path) -> None:
    """Refuses a folder of other files at once, before TensorFlow is loaded.

    Raises:
        UserError: It has files, but no training that could go on.
    """
    from keras_elmo.files import check_training

    try:
        check_training(output)
    except ValueError as error:
        raise UserError(f"option --output: {error}") from error


@contextlib.contextmanager
def _held(output: Path) -> Iterator[None]:
    """Takes hold of a training; two at once would write each other's checkpoints."""
    import filelock

    from keras_elmo.files import TRAINING

    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked_folder(output / TRAINING))
        except filelock.Timeout as error:
            raise UserError(
                f"another process trains in {output} (hint: wait for it, or choose "
                "another --output)"
            ) from error
        except OSError as error:
            why = error.strerror or str(error)
            raise UserError(
                f"option --output: cannot be written: {error.filename}: {why}"
            ) from error
        yield


def _check_start(source: str) -> None:
    """Refuses what is no source at once, before TensorFlow is loaded."""
    from keras_elmo.errors import SourceError
    from keras_elmo.sources import check_source

    try:
        check_source(source)
    except SourceError as error:
        raise UserError(f"option --start: {error}") from error
