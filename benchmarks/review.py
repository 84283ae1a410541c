"""How many wrong labels are among the first rows of a review, and what it takes."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import cross_val_predict  # noqa: E402

from benchmarks import markdown, texts  # noqa: E402
from benchmarks.command import COUNT, path_option, result_options, run  # noqa: E402
from benchmarks.quality.measuring import encode  # noqa: E402
from benchmarks.quality.texts import Texts, sample_data, tokens_of  # noqa: E402
from benchmarks.session import Session, say  # noqa: E402
from components.text_example_gen.values import digest  # noqa: E402
from pipeline import features  # noqa: E402
from pipeline.config import ModelConfig, TrainConfig  # noqa: E402
from pipeline.review.similar import similar_texts  # noqa: E402
from pipeline.training.data import LabelledTokens  # noqa: E402
from pipeline.training.epochs import ActivationInputs, train_epochs  # noqa: E402
from pipeline.training.label_doubts import (  # noqa: E402
    cut_folds,
    doubted_labels,
    rank_labels,
)
from pipeline.training.learning import (  # noqa: E402
    compile_model,
    fresh_head,
    weights_of,
    with_epochs,
)
from pipeline.training.model import trained_form  # noqa: E402
from pipeline.training.out_of_fold import out_of_fold  # noqa: E402

FLIPPED = 0.03  # of the labels
GOAL = 0.7
AMONG = (10, 20, 50, 100, 200, 300)
FOLDS = 8
_LINES = 1000
REVIEW = "review: heads of ELMo and n-grams, beside the thresholds of the classes"
MARGIN = "the same heads, margin between the two likeliest"
OWN = "the same heads, probability of the label alone"
TF_IDF = "TF-IDF with logistic regression, probability of the label"
QUICK = "what each training looks for: linear models of mean vectors and words"
_SOURCE = "default"
_STORE = "embeddings"  # below the folder of the training


@click.command(epilog="Example: python -m benchmarks review --draws 2")
@path_option("--sample", "CSV file with the columns text and label.", texts.SAMPLE)
@click.option(
    "--draws", type=COUNT, default=3, show_default=True, help="Draws of wrong labels."
)
@result_options
def command(sample: Path, draws: int, **output: Path | None) -> None:
    """Measure the review of labels on data with 3 % of the labels flipped.

    The first review is timed beside the training before it, which has stored the
    embeddings of the same texts.
    """

    def measure() -> dict[str, Any]:
        with Session("review", {"sample": sample, "draws": draws}) as session:
            return _measure(session, sample_data(sample), draws)

    run("review", "Labels that may be wrong", output, measure=measure, report=report)


def _measure(session: Session, data: Texts, draws: int) -> dict[str, Any]:
    tokens = tokens_of(data)
    precision: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as name:
        folder = Path(name)
        training = session.measure(
            "training", partial(_training_seconds, tokens, folder)
        )
        say(f"one training: {training:.0f} s")
        seconds: list[float] = []
        for draw in range(draws):
            found, took = session.measure(
                f"draw {draw}",
                partial(_review, data, tokens, folder, draw),
            )
            seconds.append(took)
            for ranking, shares in found.items():
                precision.setdefault(ranking, []).append(shares)
            say(f"draw {draw}: {found[REVIEW]} in {took:.0f} s")
    return {
        "texts": len(data.texts),
        "flipped": round(FLIPPED * len(data.texts)),
        "precision": precision,
        "training_seconds": training,
        "review_seconds": seconds[0],
        "conditions": session.conditions("tensorflow", "keras", "scikit-learn"),
    }


def _training_seconds(data: LabelledTokens, folder: Path) -> float:
    """Returns how long the Trainer's work takes, but for the export of the model."""
    model, train = ModelConfig().model_dump(), TrainConfig().model_dump()
    started = time.monotonic()
    places = np.random.default_rng(0).permutation(len(data.labels))
    eighth, ninth = 8 * len(places) // 10, 9 * len(places) // 10
    splits = {features.TRAIN: places[:eighth], features.EVAL: places[eighth:ninth]}
    some = dataclasses.replace(data, splits=splits)
    store = encode(some, _SOURCE, folder / _STORE)
    train = with_epochs(train, eighth)
    head = fresh_head(
        {"model": model, "train": train},
        some,
        places[:eighth],
        num_classes=2,
        num_layers=store.num_layers,
        dim=store.dim,
    )
    head = trained_form(head)
    compile_model(head, train, texts=eighth)
    train_epochs(
        head,
        some,
        ActivationInputs(store, some),
        class_weights=weights_of(some, places[:eighth], 2, train),
        options=train,
        resume_dir=folder,
        log_dir=str(folder),
    )
    # It encodes the test split, too, which the Trainer does not.
    seconds = time.monotonic() - started - 0.1 * store.facts.encode_seconds
    store.close()
    return seconds


def _review(
    data: Texts, tokens: LabelledTokens, folder: Path, draw: int
) -> tuple[dict[str, list[float]], float]:
    """Returns ranking -> share of wrong labels among the first, and the seconds."""
    count = len(data.texts)
    wrong = np.zeros(count, bool)
    random = np.random.default_rng(draw)
    wrong[random.choice(count, round(FLIPPED * count), replace=False)] = True
    labels = np.where(wrong, 1 - data.labels, data.labels).astype(np.int32)
    started = time.monotonic()
    chances = out_of_fold(
        dataclasses.replace(tokens, labels=labels),
        cut_folds([digest(text) for text in data.texts], labels, FOLDS),
        num_classes=2,
        elmo={"source": _SOURCE},
        model=ModelConfig().model_dump(),
        train=TrainConfig().model_dump(),
        elmo_version=_SOURCE,
        embeddings_dir=folder / _STORE,
    )
    ranked = [each.text for each in rank_labels(chances, labels)]
    similar_texts(data.texts, labels, ranked[:_LINES])
    seconds = time.monotonic() - started
    own = chances[np.arange(count), labels]
    rankings: dict[str, np.ndarray] = {
        REVIEW: np.array(ranked),
        MARGIN: np.argsort(own - chances.max(axis=1), kind="stable"),
        OWN: np.argsort(own, kind="stable"),
        TF_IDF: np.argsort(_tf_idf(data.texts, labels), kind="stable"),
    }
    rankings[QUICK] = _doubted(dataclasses.replace(tokens, labels=labels), folder)
    found = {
        name: [float(wrong[order[:among]].mean()) for among in AMONG]
        for name, order in rankings.items()
    }
    return found, seconds


def _doubted(data: LabelledTokens, folder: Path) -> np.ndarray:
    """Returns the places of the texts that a training doubts, the worst first."""
    store = encode(data, _SOURCE, folder / _STORE)
    doubts = doubted_labels(data, 2, store.means, most=max(AMONG))
    store.close()
    labels = data.labels.tolist()
    # Of equal texts with one label the first stands for all.
    places: dict[tuple[bytes, int], int] = {}
    for place, key in enumerate(zip(data.keys().tolist(), labels, strict=True)):
        places.setdefault(key, place)
    return np.array([places[each.key, each.label] for each in doubts.found])


def _tf_idf(all_texts: list[str], labels: np.ndarray) -> np.ndarray:
    """Returns the out-of-fold probability of each label, float `(texts,)`."""
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True
    ).fit_transform(all_texts)
    chances = cross_val_predict(
        LogisticRegression(C=5, max_iter=1000),
        vectors,
        labels,
        cv=FOLDS,
        method="predict_proba",
    )
    return chances[np.arange(len(labels)), labels]


def report(raw: Mapping[str, Any]) -> str:
    """Returns the table, the goals and the conditions."""
    rows = [
        [name, *(f"{100 * share:.1f}" for share in np.mean(draws, axis=0))]
        for name, draws in raw["precision"].items()
    ]
    heads = ["Wrong among the first, %", *map(str, AMONG)]
    return markdown.joined(
        markdown.table(heads, rows),
        markdown.goal_list(_goals(raw)),
        markdown.bullets(_conditions(raw)),
    )


def _goals(raw: Mapping[str, Any]) -> Iterator[markdown.Goal]:
    draws = np.array(raw["precision"][REVIEW])[:, AMONG.index(100)]
    yield markdown.at_least(
        f"at least {GOAL:.0%} of the first 100 are wrong",
        float(draws.mean()),
        GOAL,
        "{:.1%}",
    )
    yield markdown.at_most(
        f"below the time of one training ({raw['training_seconds']:.0f} s)",
        raw["review_seconds"],
        raw["training_seconds"],
        "{:.0f} s",
    )


def _conditions(raw: Mapping[str, Any]) -> Iterator[str]:
    draws = np.array(raw["precision"][REVIEW])[:, AMONG.index(100)]
    yield (
        f"{raw['texts']:,} texts, of which {raw['flipped']} labels are flipped at "
        f"random; mean of {len(draws)} draws, in which the first 100 have from "
        f"{draws.min():.0%} to {draws.max():.0%} wrong ones. A label that was wrong "
        "before counts as right."
    )
    yield (
        "A training is the work of the Trainer but for the export; it encodes all "
        "texts. The review takes their embeddings from the store. After a run it has "
        "the test split to encode, a tenth of the texts."
    )
    facts = raw["conditions"]
    yield f"{markdown.machine(facts)} {markdown.versions(facts['versions'])}."
