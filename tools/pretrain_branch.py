r"""Trains the branch of the head that starts from what was learnt on reviews.

Example:
  python -m tools.pretrain_branch DATA --apart mr/rt-polarity.pos \
      --apart mr/rt-polarity.neg --apart amazon_cells_labelled.txt \
      --work /tmp/branch --output pipeline/training/pretrained_branch.npz
"""

from __future__ import annotations

import csv
import hashlib
import html
import json
import lzma
import os
import random
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from keras_elmo.text import tokenize  # noqa: E402
from pipeline import features  # noqa: E402
from pipeline.config import ModelConfig, TrainConfig  # noqa: E402
from pipeline.fingerprints import code_version, elmo_version  # noqa: E402
from pipeline.training.data import LabelledTokens, TokenTable  # noqa: E402
from pipeline.training.embedding_store import MeanLayer  # noqa: E402
from pipeline.training.encoding import open_store  # noqa: E402
from pipeline.training.epochs import ActivationInputs, train_epochs  # noqa: E402
from pipeline.training.learning import compile_model  # noqa: E402
from pipeline.training.model import (  # noqa: E402
    build_encoder,
    build_head,
    trained_form,
)
from pipeline.training.pretrained_branch import PRETRAINED_UNITS  # noqa: E402

_IMDB = Path("labelled", "imdb_train.tsv.xz")
_PROS_CONS = Path("corpora", "pros_cons.zip")
_PIECE = 40  # words; as long as the texts that people classify
_PIECES = 2  # of a review: its end, and one from before
_LONGEST_RUN, _SHORTEST_RUN = 8, 5  # words in a row that no text set apart may share
_EVAL_SHARE = 0.02
_TRAIN = {"epochs": 4, "batch_size": 128, "learning_rate": 2e-3, "cache_gib": 16.0}
# Their code decides what a training makes of its texts.
_OF_TRAINING = ("pipeline.training.epochs", "pipeline.training.learning")
_AT_ONCE = 1024  # texts that are tokenised together
_WORD = re.compile(r"[a-z0-9]+")
_TAG = re.compile(r"<[^>]*>")

_Row = tuple[str, int]  # text; 1: it praises, 0: it complains


@click.command(epilog="\b\n" + (__doc__ or "").partition("\n\n")[2])
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--apart",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose texts quality is measured on; may be repeated.",
)
@click.option(
    "--work",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the embeddings, 2 GB, and of a training that was interrupted.",
)
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path)
)
def main(data: Path, apart: tuple[Path, ...], work: Path, output: Path) -> None:
    """Train the pre-trained branch on reviews in the folder DATA.

    DATA holds labelled/imdb_train.tsv.xz (the training half of Maas et al. 2011) and
    corpora/pros_cons.zip (of the NLTK collection). Reviews are cut into pieces of 40
    words. A review, pro or con is left out that shares eight words in a row with a text
    set apart, or holds one of five to seven words whole. Ten to twenty minutes on two
    cores.
    """
    forbidden = Forbidden(apart)
    rows = [
        *_reviews(data / _IMDB, forbidden),
        *_pros_cons(data / _PROS_CONS, forbidden),
    ]
    random.Random(0).shuffle(rows)
    labels = np.array([label for _, label in rows], np.int32)
    click.echo(
        f"{len(rows):,} texts, {labels.mean():.1%} of them praise; "
        f"{forbidden.left_out:,} reviews, pros and cons left out"
    )
    tokens = _tokens([text for text, _ in rows], labels)
    head, accuracy = _train(tokens, work)
    hidden, pooling = head.get_layer("hidden"), head.get_layer("attention_pooling")
    arrays = {"kernel": hidden.kernel, "bias": hidden.bias, "query": pooling.query}
    np.savez(
        output,
        **{name: np.asarray(each).astype(np.float16) for name, each in arrays.items()},
    )
    click.echo(f"accuracy on held-out pieces {accuracy:.1%}; weights in {output}")


class Forbidden:
    """What a text may not hold, as quality is measured on it.

    Args:
        paths: CSV files with a column `text`, and files of lines: texts, with a tab
            before their labels if they have any.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._runs: set[int] = set()
        self.left_out = 0
        for path in paths:
            for text in _texts_apart(path):
                words = _WORD.findall(text.lower())
                length = min(_LONGEST_RUN, len(words))
                if length >= _SHORTEST_RUN:
                    self._runs.update(_runs(words, length))

    def allows(self, text: str) -> bool:
        """Returns whether a text may be learnt from, and counts those that may not."""
        words = _WORD.findall(text.lower())
        allowed = all(
            self._runs.isdisjoint(_runs(words, length))
            for length in range(_SHORTEST_RUN, _LONGEST_RUN + 1)
        )
        self.left_out += not allowed
        return allowed


def _texts_apart(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        if path.suffix == ".csv":
            yield from (row["text"] for row in csv.DictReader(file))
        else:
            yield from (line.partition("\t")[0] for line in file)


def _runs(words: list[str], length: int) -> Iterator[int]:
    for start in range(len(words) - length + 1):
        yield hash(tuple(words[start : start + length]))


def _reviews(path: Path, forbidden: Forbidden) -> Iterator[_Row]:
    rng = random.Random(0)
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = row["text"].replace("<br />", " ")
            if forbidden.allows(text):
                for piece in _pieces(text.split(), rng):
                    yield piece, int(row["label"])


def _pieces(words: list[str], rng: random.Random) -> Iterator[str]:
    yield " ".join(words[-_PIECE:])
    rest = words[:-_PIECE]
    for _ in range(_PIECES - 1) if rest else ():
        start = rng.randrange(max(1, len(rest) - _PIECE))
        yield " ".join(rest[start : start + _PIECE])


def _pros_cons(path: Path, forbidden: Forbidden) -> Iterator[_Row]:
    with zipfile.ZipFile(path) as archive:
        for kind in ("Cons", "Pros"):
            name = f"pros_cons/Integrated{kind}.txt"
            for line in archive.read(name).decode("latin-1").splitlines():
                text = html.unescape(_TAG.sub("", line)).strip()
                if text and forbidden.allows(text):
                    yield text, int(kind == "Pros")


def _tokens(texts: list[str], labels: np.ndarray) -> LabelledTokens:
    table = TokenTable()
    for start in range(0, len(texts), _AT_ONCE):
        batch = tf.constant(texts[start : start + _AT_ONCE])
        table.add(tokenize(batch).to_sparse())
    held_out = round(_EVAL_SHARE * len(texts))
    places = np.arange(len(texts))  # the texts are shuffled
    splits = {features.EVAL: places[:held_out], features.TRAIN: places[held_out:]}
    return table.labelled(labels, splits)


def _train(data: LabelledTokens, work: Path) -> tuple[keras.Model, float]:
    """Returns the trained head, and its accuracy on the eval split."""
    source = "default"
    train = {**TrainConfig().model_dump(), **_TRAIN}
    model = ModelConfig(ngram_rows=0, pretrained_branch=False).model_dump()
    store = open_store(
        work / "embeddings",
        data,
        build_encoder({"source": source}),
        elmo_version=elmo_version(source),
        cache_gib=train["cache_gib"],
    )
    try:
        mean = MeanLayer(store)
        name = _name(data, model, train, elmo_version(source))
        keras.utils.set_random_seed(train["seed"])
        head = build_head(
            {**model, "hidden_units": PRETRAINED_UNITS},
            num_classes=2,
            num_layers=mean.num_layers,
            dim=mean.dim,
        )
        head.get_layer("scalar_mix").trainable = False  # there is one layer
        trained = trained_form(head)
        compile_model(trained, train, texts=len(data.splits[features.TRAIN]))
        state = train_epochs(
            trained,
            data,
            ActivationInputs(mean, data),
            class_weights=np.ones(2, np.float32),
            options=train,
            resume_dir=work / f"training {name}",
            log_dir=str(work / "logs"),
        )
    finally:
        store.close()
    return head, state.history[-1]["eval_accuracy"]


def _name(data: LabelledTokens, *options: Any) -> str:
    """Returns what an interrupted training is known by."""
    facts = [data.fingerprint(), options, code_version(*_OF_TRAINING)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
