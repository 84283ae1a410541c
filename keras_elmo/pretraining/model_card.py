"""The card that says what a trained model is made of, filled in by its run."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_elmo.pretraining.corpus import Corpus
from keras_elmo.pretraining.train import Training


def write_model_card(
    path: Path, training: Training, corpus: Corpus, note: str, licence: str
) -> None:
    """Writes the card as Markdown.

    Args:
        path: Of the file; an existing one is replaced.
        training: The finished run, evaluated at least once.
        corpus: The texts it was trained on.
        note: What the texts are, in the user's words.
        licence: Of the texts, in the user's words.
    """
    parts = [
        "# A biLM for ELMo embeddings",
        "Made by `keras_elmo.pretraining.pretrain`, which filled in this card.",
        "## Use",
        "```python\nfrom keras_elmo import ElmoEmbeddingLayer\n\n"
        'elmo = ElmoEmbeddingLayer("FOLDER_OF_THIS_FILE")\n'
        'vectors = elmo([["A", "fine", "film", "."]])\n```',
        "options.json and weights.hdf5 are in the format of allenai/bilm-tf.",
        "## Model",
        _model(training),
        "## Texts",
        note,
        _texts(corpus),
        f"Licence of the texts: {licence or 'not stated'}.",
        "## Training",
        _training(training),
        "## Held-out perplexity",
        _perplexity(training, corpus),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    path.write_text(text, "utf-8", errors="replace")  # names of files may be no UTF-8


def _model(training: Training) -> str:
    options = training.options
    bilm = training.model.bilm
    filters = ", ".join(f"{count} of width {width}" for width, count in options.filters)
    return _table(
        ("what", "value"),
        [
            ("ELMo vector", f"{options.dim} numbers a token and layer"),
            ("layers", f"{options.n_layers} LSTM layers in each direction"),
            ("LSTM cell, output", f"{options.cell_dim}, {options.projection_dim}"),
            ("character filters", filters),
            ("highway layers", options.n_highway),
            ("weights", f"{bilm.count_params():,}"),
        ],
    )


def _texts(corpus: Corpus) -> str:
    rows = [
        (source["name"], f"{source['lines']:,}", f"{source['tokens']:,}")
        for source in corpus.facts["sources"]
    ]
    return _table(("file", "lines", "tokens"), rows)


def _training(training: Training) -> str:
    settings = training.settings
    seen = training.tokens
    passes = seen / training.batches.circle
    return _table(
        ("what", "value"),
        [
            *([("begun with", settings.start)] if settings.start else []),
            ("tokens seen by each direction", f"{seen:,} ({passes:.2f} passes)"),
            ("steps", f"{training.steps:,}"),
            ("batch", f"{settings.rows} rows of {settings.unroll} tokens"),
            ("predicted words", f"{training.vocabulary_size:,}"),
            ("sampled words a batch", f"{training.batches.negatives:,}"),
            ("optimizer", f"Adam, learning rate {settings.learning_rate:g} at most"),
            ("dropout", f"{settings.dropout:g}"),
            ("read in lower case", f"{settings.lowercase_share:.0%} of the rows"),
            ("dtype", settings.dtype),
            ("time", f"{training.seconds / 60:.0f} minutes"),
            ("machine", f"{os.cpu_count()} CPU cores, {_device()}"),
            ("Keras", f"{keras.__version__} on {keras.backend.backend()}"),
            ("day", datetime.date.today().isoformat()),
        ],
    )


def _device() -> str:
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind
    devices = {name.partition(":")[0] for name in keras.distribution.list_devices()}
    devices.discard("cpu")
    return ", ".join(sorted(devices)) or "no accelerator"


def _perplexity(training: Training, corpus: Corpus) -> str:
    every = corpus.facts["held_out_every"]
    rows = [
        (
            f"{entry['steps']:,}",
            f"{entry['tokens'] / 1e6:.2f} M",
            f"{entry['seconds'] / 60:.0f}",
            *(f"{entry[key]:.1f}" for key in ("forward", "backward", "perplexity")),
            f"{entry['held_out_tokens']:,}",
        )
        for entry in training.history
    ]
    head = ("steps", "tokens", "minutes", "forward", "backward", "both", "held out")
    return (
        f"On every {every}th line of the texts, which was not trained on, with the "
        "full softmax; words out of the vocabulary count as one word. `both` is the "
        "exponential of the mean loss; `held out` is the tokens it was taken on. Of "
        "fewer tokens more stand near the start of a row, without context: compare "
        "figures of equal `held out`.\n\n" + _table(head, rows)
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
