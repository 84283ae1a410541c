"""How far probabilities are from what they say, with and without a temperature."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded

import click  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import markdown, texts  # noqa: E402
from benchmarks.command import Results, path_option, result_options, run  # noqa: E402
from benchmarks.quality.contenders import trained_elmo_head  # noqa: E402
from benchmarks.quality.measuring import encode  # noqa: E402
from benchmarks.quality.texts import (  # noqa: E402
    Fold,
    Texts,
    draws,
    folds,
    folds_option,
    polarity,
    sample_data,
    sizes_that_fit,
    tokens_of,
    uci_sentences,
)
from benchmarks.session import Session, say  # noqa: E402
from pipeline.config import ModelConfig, TrainConfig  # noqa: E402
from pipeline.evaluation.measures import ClassificationTally  # noqa: E402
from pipeline.training.calibration import (  # noqa: E402
    PartLogits,
    calibrated,
    weight_and_temperature,
)
from pipeline.training.certainty import NEVER, certain_from  # noqa: E402
from pipeline.training.data import LabelledTokens  # noqa: E402
from pipeline.training.embedding_store import EmbeddingStore  # noqa: E402

GOAL = 0.02
PRECISIONS = (0.9, 0.95)
_BATCH = 128
_DRAWS = 100  # of labels that fit the probabilities
_DIGITS = 5  # of a kept logit
_FEW = (100, 300, 1000)  # texts learnt from
_DRAWS_OF_FEW = 3
_SMALL_SET = 5000  # texts: few are drawn of smaller sets only, for the time it takes


@click.command(epilog="Example: python -m benchmarks calibration --folds 3")
@path_option(
    "--mr",
    "Folder of rt-polarity.neg and rt-polarity.pos. [the one beside the project, else "
    "they are left out]",
)
@path_option("--uci", "Folder of *_labelled.txt. [likewise]")
@path_option("--sample", "CSV file with the columns text and label.", texts.SAMPLE)
@click.option("--source", default="default", show_default=True, help="Of the ELMo.")
@folds_option
@result_options
def command(
    mr: Path | None,
    uci: Path | None,
    sample: Path,
    source: str,
    folds: int,
    **output: Path | None,
) -> None:
    """Measure the calibration error of the pipeline's head on the embedded ELMo.

    Trains it on each fold as the Trainer does, fits the temperature on the eval texts
    and measures on the test texts. After an interruption the same command goes on.
    """

    def measure() -> Results:
        mr_found = mr or (texts.MOVIE_REVIEWS if texts.MOVIE_REVIEWS.is_dir() else None)
        uci_found = uci or (
            texts.UCI_SENTENCES if texts.UCI_SENTENCES.is_dir() else None
        )
        sets = [sample_data(sample)]
        sets += [polarity(mr_found)] if mr_found else []
        sets += [uci_sentences(uci_found)] if uci_found else []
        for option, folder in (("--mr", mr_found), ("--uci", uci_found)):
            if not folder:
                say(f"{option} names no folder: its texts are left out")
        settings = {
            "mr": mr_found,
            "uci": uci_found,
            "sample": sample,
            "source": source,
        }
        with Session("calibration", settings) as session:
            found = [_measure(session, each, source, folds) for each in sets]
            return {
                "logits": {
                    each.name: of_folds
                    for each, (of_folds, _) in zip(sets, found, strict=True)
                },
                "few": {name: each for _, few in found for name, each in few.items()},
                "conditions": session.conditions("tensorflow", "keras"),
            }

    run("calibration", "Probabilities", output, measure=measure, report=report)


def _measure(
    session: Session, of: Texts, source: str, count: int
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Returns what `fold_logits` says of each fold, and of draws of a few texts."""
    data = tokens_of(of)
    with tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as folder:
        say(f"{of.name}: encoding")
        store = encode(data, source, Path(folder))
        results = []
        for number, fold in enumerate(folds(of, count), 1):
            say(f"{of.name}: fold {number}")
            take = partial(fold_logits, data, fold, store)
            results.append(session.measure(f"{of.name}, fold {number}", take))
        few: dict[str, list[dict[str, Any]]] = {}
        for size in sizes_that_fit(of, _FEW) if len(of.texts) <= _SMALL_SET else ():
            name = f"{of.name}, {size:,} texts"
            say(name)
            few[name] = [
                session.measure(
                    f"{name}, draw {number}", partial(fold_logits, data, drawn, store)
                )
                for number, drawn in enumerate(draws(of, size, _DRAWS_OF_FEW), 1)
            ]
        store.close()
    return results, few


def fold_logits(
    data: LabelledTokens,
    fold: Fold,
    store: EmbeddingStore,
    model: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Trains the head on a fold; returns logits and labels of its other texts."""
    model = model or ModelConfig().model_dump()
    train = train or TrainConfig().model_dump()
    found = trained_elmo_head(data, fold, store, model, train)
    return {
        name: parts and _as_lists(parts)
        for name, parts in (
            ("eval", found.evaluate),
            ("test", found.test),
            ("left_out", found.left_out),
        )
    }


def _as_lists(parts: PartLogits) -> list[Any]:
    ngrams = None if parts.ngrams is None else parts.ngrams.round(_DIGITS).tolist()
    return [parts.vectors.round(_DIGITS).tolist(), ngrams, parts.labels.tolist()]


def _from_lists(lists: list[Any]) -> PartLogits:
    vectors, ngrams, labels = lists
    return PartLogits(
        np.array(vectors),
        None if ngrams is None else np.array(ngrams),
        np.array(labels),
    )


def report(raw: Mapping[str, Any]) -> str:
    """Returns the whole report."""
    sets, few = (
        {name: [_Fold(fold) for fold in each] for name, each in raw[kind].items()}
        for kind in ("logits", "few")
    )
    return markdown.joined(
        markdown.table(
            [
                "",
                "test texts",
                "accuracy",
                "temperature",
                "error without it",
                "error with it",
                "a perfect model's",
                "the three of one fold",
            ],
            [_calibration_row(name, each) for name, each in {**sets, **few}.items()],
        ),
        markdown.table(
            [
                "",
                "precision asked for",
                "coverage on eval",
                "on test",
                "precision on test",
                "folds without a threshold",
            ],
            [
                _certain_row(name, each, precision)
                for name, each in sets.items()
                for precision in PRECISIONS
            ],
        ),
        markdown.goal_list(_goals(sets)),
        markdown.bullets(_conditions(raw["conditions"], sets)),
    )


class _Fold:
    """What a fold's logits amount to.

    Attributes:
        temperature: Fitted on its eval texts, or on those left out where they are few.
        labels: Of its test texts.
        before, after: Probabilities of its test texts.
        evaluate: Probabilities, calibrated, and labels of its eval texts.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        evaluate, test = (_from_lists(raw[name]) for name in ("eval", "test"))
        left_out = raw["left_out"] and _from_lists(raw["left_out"])
        weight, self.temperature = weight_and_temperature(evaluate, left_out)
        logits = evaluate.with_ngrams(weight)
        self.evaluate = calibrated(logits, self.temperature), evaluate.labels
        logits, self.labels = test.with_ngrams(weight), test.labels
        self.before = calibrated(logits, 1.0)
        self.after = calibrated(logits, self.temperature)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns it as the Evaluator does."""
    tally = ClassificationTally(probabilities.shape[1])
    tally.add(labels, probabilities)
    return tally.measures().calibration_error


def perfect_error(probabilities: np.ndarray) -> float:
    """Returns the mean error of labels drawn with these very probabilities.

    It is above 0: in a bin of few texts the share of right ones is far from its mean.
    """
    random = np.random.default_rng(0)
    upper = probabilities.cumsum(axis=1)
    errors = []
    for _ in range(_DRAWS):
        drawn = (random.random((len(upper), 1)) > upper[:, :-1]).sum(axis=1)
        errors.append(calibration_error(drawn, probabilities))
    return float(np.mean(errors))


def _errors(several: Sequence[_Fold]) -> tuple[float, float, float]:
    """Returns the error without and with the temperature, and a perfect model's."""
    labels = np.concatenate([fold.labels for fold in several])
    before = np.concatenate([fold.before for fold in several])
    after = np.concatenate([fold.after for fold in several])
    return (
        calibration_error(labels, before),
        calibration_error(labels, after),
        perfect_error(after),
    )


def _calibration_row(name: str, several: Sequence[_Fold]) -> list[str]:
    labels = np.concatenate([fold.labels for fold in several])
    after = np.concatenate([fold.after for fold in several])
    temperatures = [fold.temperature for fold in several]
    of_one = np.mean([_errors([fold]) for fold in several], axis=0)
    return [
        name,
        f"{len(labels):,}",
        f"{(after.argmax(axis=1) == labels).mean():.1%}",
        f"{np.mean(temperatures):.2f} ({min(temperatures):.2f} to "
        f"{max(temperatures):.2f})",
        *(f"{error:.3f}" for error in _errors(several)),
        ", ".join(f"{error:.3f}" for error in of_one),
    ]


def _certain_row(name: str, several: Sequence[_Fold], precision: float) -> list[str]:
    found = [certain_from(*fold.evaluate, precision) for fold in several]
    sure, right = [], []
    for fold, certain in zip(several, found, strict=True):
        is_sure = fold.after.max(axis=1) >= certain.threshold
        sure.append(is_sure)
        right.append((fold.after.argmax(axis=1) == fold.labels)[is_sure])
    answers = np.concatenate(right)
    return [
        name,
        f"{precision:g}",
        f"{np.mean([each.coverage for each in found]):.1%}",
        f"{np.concatenate(sure).mean():.1%}",
        f"{answers.mean():.1%}" if len(answers) else markdown.NONE,
        f"{sum(each.threshold == NEVER for each in found)} of {len(found)}",
    ]


def _goals(sets: Mapping[str, Sequence[_Fold]]) -> Iterator[markdown.Goal]:
    for name, several in sets.items():
        yield markdown.at_most(
            f"{name}, calibration error with the temperature at most {GOAL}",
            _errors(several)[1],
            GOAL,
            "{:.3f}",
        )


def _conditions(
    conditions: Mapping[str, Any], sets: Mapping[str, Sequence[_Fold]]
) -> Iterator[str]:
    counts = "; ".join(f"{name} {len(each)}" for name, each in sets.items())
    yield (
        "Stratified folds, each a tenth of the texts, with a model and a temperature "
        f"of its own: {counts}. Of the other texts, a tenth is the eval split. Of few "
        f"texts: {_DRAWS_OF_FEW} draws, the tenth among them."
    )
    yield (
        "The error is the Evaluator's: mean distance of confidence from accuracy over "
        "15 equal bins. All folds' test texts are counted together; in the last column "
        "each fold's alone, and the mean is taken."
    )
    yield (
        "A perfect model's error: the mean over "
        f"{_DRAWS} draws of labels from the calibrated probabilities themselves. It is "
        "what chance alone makes of so many texts."
    )
    yield f"{markdown.machine(conditions)} {markdown.versions(conditions['versions'])}."
