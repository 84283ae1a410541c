"""What came of a training, as typed facts: a part of `summary.json`.

What an earlier version did not tell has its default.
"""

from __future__ import annotations

from pydantic import Field

from pipeline.evaluation.facts import Facts


class Epoch(Facts):
    """One epoch of the training; the losses are cross entropies in nats."""

    epoch: int
    steps: int | None = None
    train_loss: float
    train_accuracy: float | None = None
    eval_loss: float
    eval_accuracy: float
    seconds: float


class WarmStart(Facts):
    """What a training began from.

    Attributes:
        model: Folder of the model whose weights it began with, or None.
        reason: Why it began fresh, or None.
        new_classes: Classes that the earlier model did not know.
    """

    model: str | None = Field(alias="from")
    reason: str | None
    new_classes: list[str] = []


class EmbeddingCache(Facts):
    """How the vectors of the texts were kept, for the epochs and later runs.

    Attributes:
        encoded_examples: Texts that this run encoded; None: of a version before.
        precision: In which numbers; what is pushed computes in float32.
    """

    bytes: int
    bound_bytes: int
    examples: int
    cached_examples: int
    encode_seconds: float | None = None
    tokens_per_second: float | None = None
    encoded_examples: int | None = None
    precision: str = "float32"
    first_epoch_seconds: float
    later_epoch_seconds: float | None


class ClassWord(Facts):
    """A word that speaks for a class.

    Attributes:
        weight: Mean over the eval texts that hold it and get the class, as `WordWeight`
            says; upper and lower case are one.
        texts: How many these are.
    """

    word: str
    weight: float
    texts: int


class LabelDoubt(Facts):
    """A text whose label models of the other texts find unlikely.

    Attributes:
        key: Digest of its tokens, in hexadecimal.
        label, suggested: The class that it has, and that it seems to be.
        label_probability, suggested_probability: Of these.
    """

    key: str
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float


class LabelDoubts(Facts):
    """What was `found` among the `texts` of train and eval, the worst first.

    Attributes:
        all_texts, classes: Of how many these are; None: an earlier version.
        models: What was looked at of a text: `words`, `vectors`, or both.
    """

    texts: int
    all_texts: int | None = None
    classes: int | None = None
    models: list[str] = ["words", "vectors"]
    found: list[LabelDoubt]


class CertainOnEval(Facts):
    """From which probability on the model answers, and does not say it is unsure.

    Attributes:
        precision: What was asked for (`evaluation.precision`).
        threshold: The probability; above 1: never, as no threshold had this precision.
        coverage: Share of the eval texts that it answers.
    """

    precision: float
    threshold: float
    coverage: float


class Tuning(Facts):
    """What came of a search for better options; see `pipeline.training.tuned_options`.

    Attributes:
        trials: How many options were tried, the given ones among them.
        seconds: Wall time of the trials, those of interrupted runs too.
        texts: How many texts the trials trained and tested on.
        compared_texts: On how many the best options and the given ones were compared;
            0: none were better than these in the trials.
        options: Name -> value that the best options had where the given ones differ.
        is_better: Whether these were better in that comparison, and trained with.
        accuracy_change, accuracy_error: Of the best options against the given ones, and
            its standard error; None: not compared.
        loss_change, loss_error: The same of the log loss, in nats a text.
    """

    trials: int
    seconds: float
    texts: int
    compared_texts: int
    options: dict[str, str | bool | int | float] = {}
    is_better: bool
    accuracy_change: float | None = None
    accuracy_error: float | None = None
    loss_change: float | None = None
    loss_error: float | None = None


class Training(Facts):
    """The Trainer's `history.json`; see `pipeline.training.history`.

    Attributes:
        temperature: By which the logits are divided; None: an earlier version.
        ngram_weight: By which those of n-grams are multiplied; None: there are none, or
            an earlier version.
        eval_accuracy: Of the whole head, n-grams included; None: an earlier version.
        words: Class -> the words that speak most for it, strongest first.
        doubts: None: texts may have several labels, or an earlier version.
        certain: None: `evaluation.precision` was not set.
        tuning: None: options were not searched.
        pretrained_branch: Whether the head has one; None: an earlier version.
        word_vectors: Whether its n-grams are read with vectors; None: likewise.
    """

    epochs: list[Epoch]
    best_epoch: int
    steps: int
    ended_by: str
    stopped_early: bool
    resumed_after: int
    warm_start: WarmStart | None
    embedding_cache: EmbeddingCache | None = None
    class_counts: dict[str, int] = {}
    class_weights: dict[str, float] | None = None
    thresholds: dict[str, float] | None = None
    temperature: float | None = None
    ngram_weight: float | None = None
    eval_accuracy: float | None = None
    words: dict[str, list[ClassWord]] = {}
    doubts: LabelDoubts | None = None
    certain: CertainOnEval | None = None
    tuning: Tuning | None = None
    pretrained_branch: bool | None = None
    word_vectors: bool | None = None
