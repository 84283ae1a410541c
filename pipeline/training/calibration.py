"""Makes probabilities mean what they say: a temperature, and from where to be sure.

Both are found after training, on the eval split. Where that is small, the temperature
is found on all texts, by heads that were not trained on them. It divides the logits of
the exported model, so that no order of classes changes and no accuracy.

Source: Guo et al. 2017, arXiv:1706.04599, section 4.2 (temperature scaling).
"""

from __future__ import annotations

import dataclasses
import logging
import math

import keras
import numpy as np
from scipy.special import expit, log_softmax, softmax
from scipy.stats import beta

from pipeline import features
from pipeline.training.data import LabelledTokens
from pipeline.training.epochs import ModelInputs, outputs_of
from pipeline.training.label_thresholds import best_thresholds
from pipeline.training.model import TokenClassifier

_LOGGER = logging.getLogger(__name__)

# Beyond these no model of texts is that is worth its probabilities.
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.1, 10.0
_BOUNDS = (LEAST_TEMPERATURE, MOST_TEMPERATURE)
_HALVINGS = 60  # of the interval between the logarithms of both

NEVER = 2.0
"""A threshold that no probability reaches."""

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
_SAME = 1e-6
_CHANCE_OF_LUCK = 0.05  # with which a threshold's precision is only that of eval


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What the eval split says of a trained model's probabilities.

    Attributes:
        temperature: By which its logits are to be divided.
        thresholds: float32 `(classes,)`, from which probability on a text has a label;
            None: a text has one.
        certain: None: no precision was asked for.
    """

    temperature: float
    thresholds: np.ndarray | None
    certain: Certain | None


@dataclasses.dataclass(frozen=True)
class Certain:
    """From which probability on a model is sure.

    Attributes:
        precision: What was asked for: share of its sure answers that are right.
        threshold: The probability; `NEVER`: the eval split has no evidence of any.
        coverage: Share of the eval texts that it is sure of.
    """

    precision: float
    threshold: float
    coverage: float


def calibrate(
    model: keras.Model,
    data: LabelledTokens,
    inputs: ModelInputs,
    *,
    batch_size: int,
    precision: float | None,
    left_out: tuple[np.ndarray, np.ndarray] | None = None,
) -> Calibration:
    """Finds what the probabilities mean; the model stays as it is.

    Args:
        model: The trained head, or the joint model.
        data: Reads the split `eval`.
        inputs: The model's inputs for any texts.
        batch_size: Texts that are computed together.
        precision: Of `certain_from`; None where a text may have several labels.
        left_out: Logits and labels of more texts, by which the temperature is fitted:
            of heads like this one that were not trained on them. None: by the eval
            split.
    """
    logits, labels = eval_logits(model, data, inputs, batch_size=batch_size)
    temperature = temperature_of(logits, labels, left_out)
    several = data.is_multi_label
    probabilities = calibrated(logits, temperature, multi_label=several)
    return Calibration(
        temperature,
        best_thresholds(probabilities, labels) if several else None,
        None if precision is None else certain_from(probabilities, labels, precision),
    )


def temperature_of(
    logits: np.ndarray,
    labels: np.ndarray,
    left_out: tuple[np.ndarray, np.ndarray] | None,
) -> float:
    """Returns the temperature by the eval split, or by the texts left out."""
    if left_out is None:
        return fit_temperature(logits, labels)
    return fit_temperature(*left_out, believed=_BELIEVED_OF_FEW)


def needs_left_out(data: LabelledTokens) -> bool:
    """Returns whether the eval split is too small to fit a temperature.

    A head that has learnt a few hundred texts by heart is far too sure of itself, and
    as many eval texts as belong to them cannot say by how much.
    """
    sizes = [len(data.splits[name]) for name in (features.TRAIN, features.EVAL)]
    return sizes[1] < _FEW_EVAL_TEXTS and _LEAST_TEXTS <= sum(sizes) <= _MOST_TEXTS


def eval_logits(
    model: keras.Model, data: LabelledTokens, inputs: ModelInputs, *, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the logits of the eval split, and its labels in the same order.

    Args:
        model: The trained head, or the joint model.
        data: Reads the split `eval`.
        inputs: The model's inputs for any texts.
        batch_size: Texts that are computed together.

    Returns:
        float64 `(texts, classes)`, and `data.labels` of these texts.
    """
    if isinstance(model, TokenClassifier):
        model = TokenClassifier(model.encoder, _logits_of(model.head))
    else:
        model = _logits_of(model)
    texts, logits = zip(
        *outputs_of(
            model, data, inputs, data.splits[features.EVAL], batch_size=batch_size
        ),
        strict=True,
    )
    labels = data.labels[np.concatenate(texts)]
    return np.concatenate(logits).astype(np.float64), labels


def _logits_of(head: keras.Model) -> keras.Model:
    return keras.Model(head.inputs, head.get_layer("probabilities").input)


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
    logits: np.ndarray, labels: np.ndarray, *, believed: float = _BELIEVED
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
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if slope(math.exp(middle)) > 0:  # too sure
            low = middle
        else:
            high = middle
    temperature = math.exp((low + high) / 2)
    bound = next((b for b in _BOUNDS if math.isclose(temperature, b)), None)
    if bound is not None:
        _LOGGER.warning(
            "The temperature is at its bound, %g: %d texts or decisions do not say "
            "how sure the model may be",
            bound,
            len(logits),
        )
    before, after = (_loss(logits, labels, each) for each in (1.0, temperature))
    _LOGGER.info(
        "Temperature %.3f: loss on %d texts or decisions %.4f, without it %.4f",
        temperature,
        len(logits),
        after,
        before,
    )
    return temperature


def _loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    chances = log_softmax(logits / temperature, axis=1)
    return -float(chances[np.arange(len(labels)), labels].mean())


def calibrated(
    logits: np.ndarray, temperature: float, *, multi_label: bool = False
) -> np.ndarray:
    """Returns the probabilities of logits, float64 of their shape."""
    divided = logits / temperature
    return expit(divided) if multi_label else softmax(divided, axis=1)


def certain_from(
    probabilities: np.ndarray, labels: np.ndarray, precision: float
) -> Certain:
    """Returns the least probability from which on the answers are precise enough.

    They must be evidence of it: the lower end of the one-sided 95 % interval of their
    precision (Clopper and Pearson 1934) must reach `precision`. If only the share of
    right ones had to, more than half of all eval splits would give a threshold with
    too little precision on other texts; so, about one in twenty does. Stricter bounds
    (Geifman and El-Yaniv 2017, arXiv:1705.08500) leave far more texts unsure.

    Args:
        probabilities: float `(texts, classes)`, calibrated.
        labels: int `(texts,)`.
        precision: Above 0 and below 1.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    is_right = (probabilities.argmax(axis=1) == labels)[order]
    answered = np.arange(1, len(order) + 1)
    right = np.cumsum(is_right)
    # At 0 right ones the interval begins at 0, where scipy returns NaN.
    least = beta.ppf(_CHANCE_OF_LUCK, np.maximum(right, 1), answered - right + 1)
    # A threshold cannot part texts of the same confidence. In another batch a text
    # may get another sixth digit.
    is_end = np.append(confidence[:-1] - confidence[1:] > _SAME, True)
    enough = np.flatnonzero((right > 0) & (least >= precision) & is_end)
    if not len(enough):
        _LOGGER.warning(
            "No probability has a precision of %s on the eval split of %d texts, with "
            "enough of them as evidence: the model will say of every text that it is "
            "unsure. It takes at least %d texts, all of them right",
            precision,
            len(order),
            math.ceil(math.log(_CHANCE_OF_LUCK) / math.log(precision)),
        )
        return Certain(precision, NEVER, 0.0)
    last = int(enough[-1])
    threshold = 0.0  # all texts
    if last + 1 < len(order):
        threshold = float(confidence[last] + confidence[last + 1]) / 2
    return Certain(precision, threshold, (last + 1) / len(order))
