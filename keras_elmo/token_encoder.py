"""From the spelling of a token to one vector, blind to its neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import initializers, ops

from keras_elmo.options import BiLMOptions
from keras_elmo.whole_checkpoints import WholeInCheckpoints

CARRY_BIAS = -2.0  # the highway copies at first: bilm-tf, training.py


@keras.saving.register_keras_serializable("keras_elmo")
class TokenEncoder(WholeInCheckpoints):
    """Character embedding, convolutions with max pooling, highway, projection.

    Args:
        options: Sizes of the model.

    Inputs:  `(tokens, chars)` int, 0 to 261, or to the number of characters of a
        lexicon; `chars` may be anything from the
        widest filter up: positions past the longest word + 2 + widest filter
        never change a result, so callers may cut them off.
    Outputs: `(tokens, projection_dim)` float.
    Source:  Peters et al. 2018, section 3.4; allenai/bilm-tf, `bilm/model.py`.
    """

    def __init__(self, options: BiLMOptions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options = options

    def build(self, input_shape: Any = None) -> None:
        opts = self.options
        width = opts.n_filters
        self.word_embed = self.char_embed = None
        if opts.word_dim and opts.lexicon is not None:
            self.word_embed = self._table(
                "word_embed", len(opts.lexicon.words), opts.word_dim
            )
        if opts.n_characters:
            self.char_embed = self._table(
                "char_embed", opts.n_characters, opts.char_dim
            )
        self.filters = []  # (kernel, bias) of each width, in file order
        for i, (chars, count) in enumerate(opts.filters):
            kernel = self.add_weight(
                shape=(chars, opts.char_dim, count),
                initializer=self._filter_initializer(chars),
                name=f"W_cnn_{i}",
            )
            bias = self.add_weight(
                shape=(count,), initializer="zeros", name=f"b_cnn_{i}"
            )
            self.filters.append((kernel, bias))
        spread = initializers.RandomNormal(stddev=math.sqrt(1.0 / max(width, 1)))
        self.highways = []  # (W_transform, b_transform, W_carry, b_carry)
        for i in range(opts.n_highway):
            self.highways.append(
                (
                    self._matrix(f"W_transform_{i}", (width, width), spread),
                    self._matrix(f"b_transform_{i}", (width,), "zeros"),
                    self._matrix(f"W_carry_{i}", (width, width), spread),
                    self._matrix(
                        f"b_carry_{i}", (width,), initializers.Constant(CARRY_BIAS)
                    ),
                )
            )
        self.projection = None
        if opts.has_token_projection:
            whole = opts.word_dim + width
            self.projection = (
                self._matrix("W_proj", (whole, opts.projection_dim), spread),
                self._matrix("b_proj", (opts.projection_dim,), "zeros"),
            )
        self.built = True

    def _table(self, name: str, rows: int, dim: int) -> Any:
        initializer = initializers.RandomUniform(-1.0, 1.0)
        return self.add_weight(shape=(rows, dim), initializer=initializer, name=name)

    def _matrix(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def _filter_initializer(self, chars: int) -> Any:
        if self.options.activation == "relu":
            return initializers.RandomUniform(-0.05, 0.05)
        stddev = math.sqrt(1.0 / (chars * self.options.char_dim))
        return initializers.RandomNormal(stddev=stddev)

    def call(self, char_ids: Any) -> Any:
        return self.project(self.features(char_ids))

    def features(self, char_ids: Any) -> Any:
        """Returns what the convolutions find, `(tokens, n_filters)`."""
        dtype = self.compute_dtype
        no_token = ops.zeros((1, self.options.char_dim), dtype)
        table = ops.concatenate([no_token, ops.cast(self.char_embed, dtype)], axis=0)
        x = _look_up(table, char_ids)  # (tokens, chars, char_dim)
        pooled = [
            ops.max(ops.conv(x, ops.cast(kernel, dtype), padding="valid"), axis=1)
            + ops.cast(bias, dtype)  # the same for all positions: add it after
            for kernel, bias in self.filters
        ]
        activation = getattr(ops, self.options.activation)
        return activation(ops.concatenate(pooled, axis=-1))

    def project(
        self,
        features: Any,
        check: Callable[[Any], Any] = lambda x: x,
        words: Any = None,
    ) -> Any:
        """Returns the token vectors `(tokens, projection_dim)` for `features`.

        Args:
            features: `(tokens, n_filters)`.
            words: int `(tokens,)`, the rows of the tokens in the table of words, for
                a model that has one.
            check: Called on these, and on what each layer makes of them; returns what
                it is given.
        """
        x, dtype = check(features), self.compute_dtype
        for weights in self.highways:
            w_transform, b_transform, w_carry, b_carry = (
                ops.cast(weight, dtype) for weight in weights
            )
            # "carry" multiplies the transformed value: the name is bilm-tf's.
            carry = ops.sigmoid(ops.matmul(x, w_carry) + b_carry)
            transformed = ops.relu(ops.matmul(x, w_transform) + b_transform)
            x = check(x + carry * (transformed - x))
        if self.word_embed is not None:
            x = ops.concatenate(
                [ops.cast(ops.take(self.word_embed, words, axis=0), dtype), x], axis=-1
            )
        if self.projection is not None:
            weight, bias = (ops.cast(part, dtype) for part in self.projection)
            x = check(ops.matmul(x, weight) + bias)
        return x

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.options.projection_dim)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "options": self.options.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TokenEncoder:
        options = BiLMOptions.from_dict(config.pop("options"))
        return cls(options, **config)


def _look_up(table: Any, ids: Any) -> Any:
    """Takes the rows `ids` of a small table.

    As a product with JAX: its gradient of a gather adds up row by row, and nearly
    all characters are padding, hence of the same row.
    """
    if keras.backend.backend() == "jax":
        return ops.matmul(ops.one_hot(ids, table.shape[0], dtype=table.dtype), table)
    return ops.take(table, ids, axis=0)
