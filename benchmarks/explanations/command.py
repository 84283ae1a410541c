"""What becomes of the probability when the words that are named are deleted."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import markdown, texts  # noqa: E402
from benchmarks.command import (  # noqa: E402
    COUNT,
    Results,
    path_option,
    result_options,
    run,
)
from benchmarks.explanations.methods import (  # noqa: E402
    CHOSEN,
    Weigh,
    baseline,
    by_random,
    classes_of,
    leave_one_out,
    methods,
    predictor,
    without,
)
from benchmarks.quality.contenders import trained_elmo_head  # noqa: E402
from benchmarks.quality.texts import Texts, folds, sample_data, tokens_of  # noqa: E402
from benchmarks.session import Session, say  # noqa: E402
from pipeline.config import ModelConfig, TrainConfig  # noqa: E402
from pipeline.training.encoding import open_store  # noqa: E402
from pipeline.training.model import TokenClassifier, build_encoder  # noqa: E402

DELETED = (1, 2, 3, 5)  # words of a text
_JUDGED = 3  # of these, the number that the goals are about
_LEAST_TOKENS = 8  # so that some of a text is left
_BATCH = 64  # texts
TF_IDF, RANDOM = "TF-IDF with logistic regression", "random words"


@click.command(epilog="Example: python -m benchmarks explanations --texts 2000")
@path_option("--sample", "CSV file with the columns text and label.", texts.SAMPLE)
@click.option("--source", default="default", show_default=True, help="Of the ELMo.")
@click.option(
    "--texts",
    "count",
    type=COUNT,
    default=5000,
    show_default=True,
    help="Texts drawn; a tenth is measured on.",
)
@result_options
def command(sample: Path, source: str, count: int, **output: Path | None) -> None:
    """Delete the words that are said to have decided, and classify what is left.

    Trains the pipeline's head once on the embedded ELMo. The better a method names the
    words, the further the probability of the class that was predicted falls. Takes some
    five minutes on two cores.
    """

    def measure() -> Results:
        rows = sample_data(sample)
        # At random: the file has one class after the other.
        chosen = np.random.default_rng(0).permutation(len(rows.texts))[:count]
        some = [rows.texts[place] for place in chosen]
        settings = {"sample": sample, "source": source, "count": count}
        with Session("explanations", settings) as session:
            drawn = Texts(rows.name, some, rows.labels[chosen])
            results = session.measure("deletion", lambda: _measure(drawn, source))
            return {
                **results,
                "conditions": session.conditions("tensorflow", "scikit-learn"),
            }

    run("explanations", "Which words decided", output, measure=measure, report=report)


def _measure(drawn: Texts, source: str) -> Results:
    fold = next(iter(folds(drawn, 1)))
    data = tokens_of(drawn)
    encoder = build_encoder({"source": source})
    with tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as folder:
        say("encoding and training")
        store = open_store(folder, data, encoder, elmo_version=source, cache_gib=8.0)
        options = ModelConfig().model_dump(), TrainConfig().model_dump()
        head = trained_elmo_head(data, fold, store, *options).head
        store.close()
    classifier = TokenClassifier(encoder, head)
    predict = predictor(classifier)
    places = fold.test[data.lengths[fold.test] >= _LEAST_TOKENS]
    places = places[np.argsort(data.lengths[places], kind="stable")]
    tokens = data.tokens(places)
    contenders: dict[str, Weigh] = {
        **methods(classifier),
        "leaving each word out, with ELMo anew": leave_one_out(predict),
        TF_IDF: baseline(data, fold.train, classes_of(predict)),
        RANDOM: by_random(),
    }
    results: Results = {}
    for name, weigh in contenders.items():
        say(name)
        weigh(tokens[:1])  # traced
        began = time.process_time()
        weights = _in_batches(weigh, tokens)
        seconds = time.process_time() - began
        results[name] = {
            "seconds": 1000 * seconds / len(tokens),
            **_deletion(predict, tokens, weights),
        }
    accuracy = (classes_of(predict)(tokens) == data.labels[places]).mean()
    return {
        "methods": results,
        "learnt": len(fold.train),
        "texts": len(tokens),
        "accuracy": float(accuracy),
    }


def _in_batches(weigh: Weigh, tokens: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [weigh(tokens[at : at + _BATCH]) for at in range(0, len(tokens), _BATCH)]
    )


def _deletion(
    predict: Callable[[np.ndarray], np.ndarray], tokens: np.ndarray, weights: np.ndarray
) -> dict[str, list[float]]:
    """Returns what deleting the first words does, a number for each of `DELETED`.

    Returns:
        `falls`: by how much the probability of the class falls, the mean over the
            texts; `errors`: its standard error; `changes`: share of the texts that get
            another class.
    """
    before = predict(tokens)
    rows, chosen = np.arange(len(tokens)), before.argmax(axis=1)
    weights = np.where(tokens == b"", -np.inf, weights)
    order = np.argsort(-weights, axis=1, kind="stable")
    found: dict[str, list[float]] = {"falls": [], "errors": [], "changes": []}
    for count in DELETED:
        left = [without(*pair) for pair in zip(tokens, order[:, :count], strict=True)]
        after = predict(np.stack(left))
        falls = before[rows, chosen] - after[rows, chosen]
        found["falls"].append(float(falls.mean()))
        found["errors"].append(float(falls.std(ddof=1) / len(falls) ** 0.5))
        found["changes"].append(float((after.argmax(axis=1) != chosen).mean()))
    return found


def report(results: Mapping[str, Any]) -> str:
    """Returns the table, the goals and the conditions."""
    by_name = results["methods"]
    place = DELETED.index(_JUDGED)
    words = [f"{count} word{'s' * (count > 1)}" for count in DELETED]
    heads = ["Words named by", *words, f"other class, {_JUDGED}", "CPU s/1,000 texts"]
    rows = [
        [
            f"{name} (chosen)" if name == CHOSEN else name,
            *(
                f"{100 * fall:.1f} ± {100 * error:.1f}"
                for fall, error in zip(each["falls"], each["errors"], strict=True)
            ),
            f"{each['changes'][place]:.0%}",
            f"{each['seconds']:.1f}",
        ]
        for name, each in by_name.items()
    ]
    return markdown.joined(
        markdown.table(heads, rows),
        markdown.goal_list(_goals(by_name, place)),
        markdown.bullets(_conditions(results)),
    )


def _goals(
    by_name: Mapping[str, Mapping[str, Any]], place: int
) -> Iterator[markdown.Goal]:
    for name in (RANDOM, TF_IDF):
        other = by_name[name]["falls"][place]
        yield markdown.at_least(
            f"{_JUDGED} words, a further fall than with {name} ({100 * other:.1f})",
            100 * by_name[CHOSEN]["falls"][place],
            100 * other,
            "{:.1f}",
        )


def _conditions(results: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Points by which the probability of the predicted class falls when the words "
        "with the highest weights for it are deleted and the rest is classified anew: "
        f"mean over {results['texts']} test texts of {_LEAST_TOKENS} tokens or more, ± "
        "its standard error; and how many texts then get another class."
    )
    yield (
        f"One head with the default settings, trained on {results['learnt']:,} texts; "
        f"accuracy {results['accuracy']:.1%}. All methods but TF-IDF and the random "
        "words have the exact weights of the n-grams and differ in those of the "
        "vectors. TF-IDF knows nothing of the model; it names words for the same class."
    )
    conditions = results["conditions"]
    yield f"{markdown.machine(conditions)} {markdown.versions(conditions['versions'])}."
