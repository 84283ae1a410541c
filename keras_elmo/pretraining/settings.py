"""How a biLM is trained, and the shape it has unless another is asked for."""

from __future__ import annotations

import dataclasses
import math

from keras_elmo.options import BiLMOptions

SMALL = BiLMOptions(
    char_dim=16,
    filters=((1, 32), (2, 32), (3, 64), (4, 128), (5, 256)),
    n_highway=1,
    activation="relu",
    max_chars=50,
    n_layers=2,
    cell_dim=512,
    projection_dim=128,
    cell_clip=3.0,
    proj_clip=3.0,
    use_skip_connections=True,
)

DTYPES = ("float32", "mixed_bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How a biLM is trained.

    Args:
        steps: Batches in all; None to go by `minutes`.
        minutes: Minutes of training in all, counted on after a restart, without
            those spent on the held-out text; None to go by `steps`.
        rows: Rows of a batch.
        unroll: Tokens of a row; gradients do not go past its start.
        negatives: Sampled words a batch, but at most half of the vocabulary.
        min_count: Occurrences a word needs to be in the vocabulary.
        max_vocabulary: Words in the vocabulary at most, with the three for beginnings,
            ends and unknown words.
        learning_rate: Highest one of Adam.
        learning_rate_rise: Share of the budget over which the learning rate rises.
        dropout: Share set to zero.
        lowercase_share: Share of the rows that are read and predicted in lower case.
        dtype: Keras policy: `float32`, or `mixed_bfloat16` for GPUs and TPUs.
        clip_norm: Bound on the norm of all gradients together.
        seed: Of weights, dropout and sampling.
        start: ELMo source, such as `default`, whose weights the training begins with;
            empty: with random ones. The softmax is a fresh one in any case.
        report_steps: Batches between two lines of progress, of which one comes at least
            every 30 seconds.
        evaluation_minutes: Minutes between two evaluations on the held-out text.
        evaluation_tokens: Held-out tokens used then; at the end, all.
        checkpoint_minutes: Minutes between two checkpoints.

    Raises:
        ValueError: If neither or both of `steps` and `minutes` are given, or a
            number is out of range.
    """

    steps: int | None = None
    minutes: float | None = None
    rows: int = 64
    unroll: int = 20
    negatives: int = 1024
    min_count: int = 3
    max_vocabulary: int = 40_000
    learning_rate: float = 2e-3
    learning_rate_rise: float = 0.03
    dropout: float = 0.1
    lowercase_share: float = 0.0
    dtype: str = "float32"
    clip_norm: float = 1.0
    seed: int = 0
    start: str = ""
    report_steps: int = 100
    evaluation_minutes: float = 10.0
    evaluation_tokens: int = 20_000
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError(
                "Exactly one of `steps` and `minutes` must be given. "
                f"Received: `steps={self.steps}`, `minutes={self.minutes}`"
            )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "dtype":
                rule, right = f"one of {', '.join(DTYPES)}", value in DTYPES
            elif field.name == "start":
                rule, right = "a text", isinstance(value, str)
            elif field.name in ("dropout", "learning_rate_rise"):
                rule, right = "at least 0 and below 1", 0 <= value < 1
            elif field.name == "lowercase_share":
                rule, right = "from 0 to 1", 0 <= value <= 1
            elif field.name in ("seed", "min_count"):
                rule, right = "at least 0", value >= 0
            elif field.name == "max_vocabulary":
                rule, right = "at least 4", value >= 4
            else:
                rule = "finite and above 0"
                right = value is None or 0 < value < math.inf
            if not right:
                raise ValueError(
                    f"`{field.name}` must be {rule}. Received: `{field.name}={value}`"
                )
