"""Makes probabilities mean what they say: a temperature, and the weight of n-grams.

Both are found after training, on the eval split; where that is small, on all texts, by
heads that were not trained on them. The temperature divides the logits of the exported
model, so that no order of classes changes and no accuracy.

Source: Guo et al. 2017, arXiv:1706.04599, section 4.2 (temperature scaling).
"""

from __future__ import annotations

import dataclasses
import logging
import math

import keras
import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

from pipeline import features
from pipeline.training.certainty import Certain, certain_from
from pipeline.training.data import LabelledTokens
from pipeline.training.epochs import ModelInputs, outputs_of
from pipeline.training.label_thresholds import best_thresholds
from pipeline.training.model import TokenClassifier, ngrams_of, vector_form
from pipeline.training.ngrams import TextNgrams

_LOGGER = logging.getLogger(__name__)

# Beyond these no model of texts is that is worth its probabilities.
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.1, 10.0
_BOUNDS = (LEAST_TEMPERATURE, MOST_TEMPERATURE)
_HALVINGS = 60  # of the interval between the logarithms of both
_FEW_HALVINGS = 15  # where a temperature is only tried
_MOST_JUDGED = 10**6  # texts times classes, by which the weight is chosen

# By which the logits of n-grams are multiplied. A factor of two is worth less than one
# thousandth of the loss where it is near the best.
NGRAM_WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_USUAL_NGRAM_WEIGHT = 0.5  # of few texts, which say nothing of it

# Texts. In simulations with 50 to 1,000 eval texts it had the least error where the
# best temperature was 0.8 to 1.3, and cost little at 2.
_BELIEVED = 100
# Where few texts were learnt the best is up to 4: there is no reason to believe in 1.
_BELIEVED_OF_FEW = 10
_FEW_EVAL_TEXTS = 500
# Of train and eval, where heads are trained on them once more. Of fewer, a third says
# next to nothing.
_LEAST_TEXTS, _MOST_TEXTS = 50, 5000
_NOTHING = 1e-9  # nats a text


@dataclasses.dataclass(frozen=True)
class PartLogits:
    """What both parts of a head make of some texts.

    Attributes:
        vectors: float64 `(texts, classes)`, of the part that reads vectors.
        ngrams: Of the part that reads n-grams; None: the head has none.
        labels: Of the texts, as `LabelledTokens` has them.
    """

    vectors: np.ndarray
    ngrams: np.ndarray | None
    labels: np.ndarray

    def with_ngrams(self, weight: float) -> np.ndarray:
        """Returns the logits of the head if its n-grams have this weight."""
        if self.ngrams is None:
            return self.vectors
        return self.vectors + weight * self.ngrams

    def at_most(self, count: int) -> PartLogits:
        """Returns so many of the texts, always the same ones; or all of fewer."""
        if len(self.labels) <= count:
            return self
        some = np.random.default_rng(0).choice(len(self.labels), count, replace=False)
        ngrams = None if self.ngrams is None else self.ngrams[some]
        return PartLogits(self.vectors[some], ngrams, self.labels[some])


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What the eval split says of a trained model's probabilities.

    Attributes:
        ngram_weight: By which the logits of its n-grams are to be multiplied; None: it
            reads none.
        temperature: By which its logits are to be divided then.
        thresholds: float32 `(classes,)`, from which probability on a text has a label;
            None: a text has one.
        certain: None: no precision was asked for.
        accuracy: Share of the eval texts, or of the decisions for and against their
            labels, that the whole head gets right.
    """

    ngram_weight: float | None
    temperature: float
    thresholds: np.ndarray | None
    certain: Certain | None
    accuracy: float


def calibrate(
    model: keras.Model,
    data: LabelledTokens,
    inputs: ModelInputs,
    ngrams: TextNgrams,
    *,
    batch_size: int,
    precision: float | None,
    left_out: PartLogits | None = None,
) -> Calibration:
    """Finds what the probabilities mean; the model stays as it is.

    Args:
        model: The trained head, or the joint model.
        data: Reads the split `eval`.
        inputs: The model's inputs for any texts.
        ngrams: Of all texts.
        batch_size: Texts that are computed together.
        precision: Of `certain_from`; None where a text may have several labels.
        left_out: Of more texts, by which weight and temperature are found: of heads
            like this one that were not trained on them. None: by the eval split.
    """
    parts = eval_logits(model, data, inputs, ngrams, batch_size=batch_size)
    weight, temperature = weight_and_temperature(parts, left_out)
    _log(left_out or parts, weight, temperature)
    several = data.is_multi_label
    logits = parts.with_ngrams(weight)
    probabilities = calibrated(logits, temperature, multi_label=several)
    labels = parts.labels
    return Calibration(
        None if parts.ngrams is None else weight,
        temperature,
        best_thresholds(probabilities, labels) if several else None,
        None if precision is None else certain_from(probabilities, labels, precision),
        float(is_right(logits, labels).mean()),
    )


def _log(judged: PartLogits, weight: float, temperature: float) -> None:
    logits, labels = judged.with_ngrams(weight), judged.labels
    if any(math.isclose(temperature, bound) for bound in _BOUNDS):
        _LOGGER.warning(
            "The temperature is at its bound, %g: %d texts do not say how sure the "
            "model may be",
            temperature,
            len(labels),
        )
    _LOGGER.info(
        "On %d texts: temperature %.3f, n-grams count %g times, loss %.4f; without a "
        "temperature %.4f, without n-grams %.4f",
        len(labels),
        temperature,
        weight,
        log_loss(logits / temperature, labels).mean(),
        log_loss(logits, labels).mean(),
        log_loss(judged.vectors / temperature, labels).mean(),
    )


def weight_and_temperature(
    parts: PartLogits, left_out: PartLogits | None
) -> tuple[float, float]:
    """Returns the weight of n-grams, and the temperature of a head that has it.

    Args:
        parts: Of the eval split, which decides where `left_out` is None.
        left_out: Of the texts left out.
    """
    judged = left_out or parts
    weight = choose_ngram_weight(judged)
    believed = _BELIEVED if left_out is None else _BELIEVED_OF_FEW
    logits = judged.with_ngrams(weight)
    return weight, fit_temperature(logits, judged.labels, believed=believed)


def choose_ngram_weight(parts: PartLogits) -> float:
    """Returns that of `NGRAM_WEIGHTS` with the least loss, at its best temperature.

    Fewer than 50 texts say nothing of it: they get the usual one.
    """
    if parts.ngrams is None or len(parts.labels) < _LEAST_TEXTS:
        return _USUAL_NGRAM_WEIGHT
    some = parts.at_most(max(_LEAST_TEXTS, _MOST_JUDGED // parts.vectors.shape[1]))

    def loss(weight: float) -> float:
        logits = some.with_ngrams(weight)
        temperature = fit_temperature(
            logits, some.labels, believed=_BELIEVED_OF_FEW, halvings=_FEW_HALVINGS
        )
        return float(log_loss(logits / temperature, some.labels).mean())

    return min(NGRAM_WEIGHTS, key=loss)


def needs_left_out(data: LabelledTokens) -> bool:
    """Returns whether the eval split is too small to fit a temperature.

    A head that has learnt a few hundred texts by heart is far too sure of itself, and
    as many eval texts as belong to them cannot say by how much.
    """
    sizes = [len(data.splits[name]) for name in (features.TRAIN, features.EVAL)]
    return sizes[1] < _FEW_EVAL_TEXTS and _LEAST_TEXTS <= sum(sizes) <= _MOST_TEXTS


def eval_logits(
    model: keras.Model,
    data: LabelledTokens,
    inputs: ModelInputs,
    ngrams: TextNgrams,
    *,
    batch_size: int,
) -> PartLogits:
    """Returns what the parts of a head make of the eval split, shortest texts first.

    Args:
        model: The trained head, or the joint model.
        data: Reads the split `eval`.
        inputs: The model's inputs for any texts.
        ngrams: Of all texts; only read where the head reads n-grams.
        batch_size: Texts that are computed together.
    """
    is_joint = isinstance(model, TokenClassifier)
    head = model.head if is_joint else model
    vectors = vector_form(head)
    texts, logits = zip(
        *outputs_of(
            TokenClassifier(model.encoder, vectors) if is_joint else vectors,
            data,
            inputs,
            data.splits[features.EVAL],
            batch_size=batch_size,
        ),
        strict=True,
    )
    order = np.concatenate(texts)
    layer = ngrams_of(head)
    return PartLogits(
        np.concatenate(logits).astype(np.float64),
        None if layer is None else layer.logits(ngrams, order),
        data.labels[order],
    )


def with_temperature(head: keras.Model, temperature: float) -> keras.Model:
    """Returns a head of the same layers and weights that divides its logits.

    The temperature is a constant of the graph and no weight: a later training that
    starts from the weights finds its own.

    Args:
        head: What `build_head` returned, trained.
        temperature: Above 0; no unit.
    """
    last = head.get_layer("probabilities")
    divided = keras.layers.Rescaling(
        1 / temperature, dtype="float32", name="temperature"
    )(last.input)
    again = type(last).from_config(last.get_config())  # with an input of its own
    return keras.Model(head.inputs, again(divided), name=head.name)


def fit_temperature(
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    believed: float = _BELIEVED,
    halvings: int = _HALVINGS,
) -> float:
    """Returns the temperature with the least cross entropy on some texts.

    All texts count the same, whatever weight their class had in training: the
    probabilities are meant for texts as they come. Where a text may have several
    labels, all decisions for or against one count the same.

    Some texts more count as if their labels were as probable as the model says without
    a temperature. Few texts alone would give one that is wrong by a quarter or more;
    these hold it near 1, where a training with many texts leaves it anyhow, and weigh
    little beside many texts. The result lies from `LEAST_TEMPERATURE` to
    `MOST_TEMPERATURE`.

    Args:
        logits: float `(texts, classes)`, finite.
        labels: int `(texts,)`; where a text may have several, `(texts, classes)`, 1 at
            its own.
        believed: How many more count so.
        halvings: Of the interval in which it is sought.

    Returns:
        No unit.
    """
    logits = np.asarray(logits, np.float64)
    believed /= len(logits)  # for each text
    if labels.ndim == 2:  # a decision is a text with the classes yes and no
        yes = logits.reshape(-1)
        logits, labels = np.stack([0 * yes, yes], axis=1), labels.reshape(-1)
    logits = logits - logits.max(axis=1, keepdims=True)
    own = np.take_along_axis(logits, labels[:, None].astype(np.int64), axis=1).sum()

    def expected(temperature: float) -> float:
        return float((softmax(logits / temperature, axis=1) * logits).sum())

    wanted = own + believed * expected(1.0)

    def slope(temperature: float) -> float:
        # Of the loss by 1 / temperature, in which it is convex.
        return (1 + believed) * expected(temperature) - wanted

    if abs(slope(1.0)) <= _NOTHING * len(logits):  # then no other is better
        return 1.0
    low, high = math.log(LEAST_TEMPERATURE), math.log(MOST_TEMPERATURE)
    for _ in range(halvings):
        middle = (low + high) / 2
        if slope(math.exp(middle)) > 0:  # too sure
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def is_right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the share of right decisions about each text, float64 `(texts,)`."""
    if labels.ndim == 2:
        return ((logits > 0) == (labels > 0)).mean(axis=1)
    return (logits.argmax(axis=1) == labels).astype(np.float64)


def log_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the cross entropy of each text in nats, float64 `(texts,)`.

    Args:
        logits: float `(texts, classes)`.
        labels: int `(texts,)`; where a text may have several, `(texts, classes)`, 1 at
            its own: then the loss is the mean over them.
    """
    if labels.ndim == 2:
        return -log_expit(np.where(labels > 0, logits, -logits)).mean(axis=1)
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


def calibrated(
    logits: np.ndarray, temperature: float, *, multi_label: bool = False
) -> np.ndarray:
    """Returns the probabilities of logits, float64 of their shape."""
    divided = logits / temperature
    return expit(divided) if multi_label else softmax(divided, axis=1)
