"""The bidirectional language model of ELMo, in `keras.ops` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elmo import characters, checks
from keras_elmo.lstm import STATE_DTYPE, LSTMStack
from keras_elmo.options import BiLMOptions
from keras_elmo.token_encoder import TokenEncoder
from keras_elmo.whole_checkpoints import WholeInCheckpoints


@keras.saving.register_keras_serializable("keras_elmo")
class BiLM(WholeInCheckpoints):
    """Turns spelled sentences into the activations of every layer.

    Most users want `ElmoEmbeddingLayer`, which takes strings. This class runs on
    every Keras backend; its parts serve training too.

    Args:
        options: Sizes of the model.
        dropout: Share of each LSTM layer's input set to zero in training.
        unroll: Whether the LSTM steps are laid out in the graph: for training on
            short rows of a fixed length.
        frozen: Names in `parts` of what does not learn at first.

    Inputs:  `(batch, time, chars)` int character ids, whole rows of 0 after the
        last token; begin and end of the sentence are added here.
    Outputs: `(batch, layers, time, dim)` float with `layers = n_layers + 1` and
        `dim = 2 * projection_dim`: the token vector twice, then each LSTM layer,
        forward beside backward. Zero where there is no token.
    Source:  Peters et al. 2018, arXiv:1802.05365; allenai/bilm-tf.
    """

    def __init__(
        self,
        options: BiLMOptions,
        *,
        dropout: float = 0.0,
        unroll: bool = False,
        frozen: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options = options
        self.dropout, self.unroll = dropout, unroll
        policy = self.dtype_policy
        self.token_encoder = TokenEncoder(options, name="token_encoder", dtype=policy)
        self.forward_lstm, self.backward_lstm = (
            LSTMStack(options, dropout=dropout, unroll=unroll, name=name, dtype=policy)
            for name in ("forward_lstm", "backward_lstm")
        )
        # What a layer reads its texts from, by path: it is stored with the weights.
        self.initial_states: Callable[[], dict[str, Any]] = dict
        # What finds the rows of words in the table of a lexicon's words.
        self.word_rows: Callable[[Any], Any] | None = None
        # What computes anew that which follows from weights; it gets their origin.
        self.follow_weights: Callable[[str | None], None] | None = None
        self.build()
        # Keras would give a flag of the constructor to no part.
        for name in frozen if self.trainable else self.parts:
            checks.check_choice("frozen", name, tuple(self.parts))
            self.parts[name].trainable = False

    @property
    def parts(self) -> dict[str, keras.layers.Layer]:
        """What can learn by itself: `token_encoder`, `forward_lstm_0` and so on.

        The numbers are those of the LSTM layers of a direction, from 0.
        """
        parts: dict[str, keras.layers.Layer] = {"token_encoder": self.token_encoder}
        for stack in (self.forward_lstm, self.backward_lstm):
            for number, lstm in enumerate(stack.layers):
                parts[f"{stack.name}_{number}"] = lstm
        return parts

    def build(self, *_: Any) -> None:
        for part in (self.token_encoder, self.forward_lstm, self.backward_lstm):
            if not part.built:
                part.build()
        self.built = True

    def set_weights(self, weights: Any) -> None:
        super().set_weights(weights)
        self.weights_are_set()

    def weights_are_set(self, origin: str | None = None) -> None:
        """Brings all that follows from the weights in line with them.

        Args:
            origin: Where they were read, if anywhere.
        """
        if self.follow_weights is not None:
            self.follow_weights(origin)

    def call(self, char_ids: Any, training: bool | None = None) -> Any:
        options = self.options
        if options.lexicon is not None:
            raise ValueError(
                "`BiLM` takes characters as bytes, and this model has a lexicon\n"
                "hint: `ElmoEmbeddingLayer` reads its words"
            )
        shape, dtype = tuple(char_ids.shape), str(char_ids.dtype)
        if len(shape) != 3 or shape[2] not in (None, options.max_chars):
            raise ValueError(
                f"`char_ids` must be (batch, time, {options.max_chars}), as "
                f"`options.max_chars` says. Received: shape={shape}"
            )
        if "int" not in dtype:
            raise ValueError(
                f"`char_ids` must be integers, from 0 to 261. Received: dtype={dtype}"
            )
        is_token = ops.any(char_ids > characters.NO_TOKEN, axis=-1)  # (batch, time)
        lengths = ops.sum(ops.cast(is_token, "int32"), axis=1)
        wrapped = wrap_sentences(char_ids, lengths, options.max_chars)
        batch, time, chars = ops.shape(wrapped)
        vectors = self.token_encoder(ops.reshape(wrapped, (-1, chars)))
        vectors = ops.reshape(vectors, (batch, time, options.projection_dim))
        states = self.zero_states(batch)
        layers, _ = self.contextualize(vectors, lengths, states, training=training)
        return layers

    def contextualize(
        self,
        vectors: Any,
        lengths: Any,
        states: Any,
        *,
        training: bool | None = None,
        keep_states: bool = False,
    ) -> tuple[Any, Any]:
        """Runs both directions over the token vectors of wrapped sentences.

        Args:
            vectors: `(batch, time + 2, projection_dim)`: begin of sentence, the
                tokens, end of sentence, anything.
            lengths: `(batch,)` int, tokens without the two marks.
            states: `(forward, backward)`, each a `(c, h)` for every layer.
            training: Whether dropout is on.
            keep_states: Whether the states after each sentence's end are wanted;
                they cost a mask in every step.

        Returns:
            Layers `(batch, layers, time, dim)` without the marks, and the last
            states in the form of `states` (None unless `keep_states`).
        """
        time = ops.shape(vectors)[1]
        reverse = reversal_indices(lengths + 2, time)
        mask = positions_before(lengths + 2, time) if keep_states else None
        forward, forward_states = self.forward_lstm(
            vectors, states[0], mask, training=training
        )
        backward, backward_states = self.backward_lstm(
            reorder_time(vectors, reverse), states[1], mask, training=training
        )
        layers = [ops.concatenate([vectors, vectors], axis=-1)]
        for ahead, behind in zip(forward, backward, strict=True):
            behind = reorder_time(behind, reverse)
            layers.append(ops.concatenate([ahead, behind], axis=-1))
        stacked = ops.stack(layers, axis=1)[:, :, 1:-1]
        real = positions_before(lengths, time - 2)[:, None, :, None]
        stacked = ops.where(real, stacked, ops.zeros((), stacked.dtype))
        return stacked, (forward_states, backward_states) if keep_states else None

    def zero_states(self, batch: Any) -> tuple[list[Any], list[Any]]:
        """Returns all-zero initial states for both directions."""
        dims = (self.options.cell_dim, self.options.projection_dim)
        return tuple(  # type: ignore[return-value]
            [
                [ops.zeros((batch, dim), STATE_DTYPE) for dim in dims]
                for _ in range(self.options.n_layers)
            ]
            for _ in range(2)
        )

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        layers = self.options.n_layers + 1
        return (input_shape[0], layers, input_shape[1], self.options.dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "options": self.options.to_dict(),
            "dropout": self.dropout,
            "unroll": self.unroll,
            "frozen": [name for name, part in self.parts.items() if not learns(part)],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BiLM:
        options = BiLMOptions.from_dict(config.pop("options"))
        return cls(options, **config)


def learns(layer: keras.layers.Layer) -> bool:
    """Returns whether a model around `layer` trains any of its weights.

    Not by the layer's own flag: that of a part may be set after it.
    """
    return any(variable.trainable for variable in layer.variables)


def positions_before(lengths: Any, time: Any) -> Any:
    """Returns `(batch, time)` bool: True at the first `lengths` positions."""
    return ops.arange(time)[None, :] < ops.cast(lengths, "int32")[:, None]


def reversal_indices(lengths: Any, time: Any) -> Any:
    """Returns `(batch, time)` int32 that reverse each row's first `lengths`."""
    positions = ops.arange(time, dtype="int32")[None, :]
    last = ops.cast(lengths, "int32")[:, None] - 1
    return ops.where(positions <= last, last - positions, positions)


def reorder_time(x: Any, indices: Any) -> Any:
    """Takes `x` `(batch, time, dim)` in the order `indices` `(batch, time)`."""
    batch, time, dim = ops.shape(x)
    rows = ops.arange(batch, dtype="int32")[:, None] * time + indices
    # One flat take: several times faster than take_along_axis on TensorFlow.
    flat = ops.take(ops.reshape(x, (-1, dim)), ops.reshape(rows, (-1,)), axis=0)
    return ops.reshape(flat, (batch, time, dim))


def wrap_sentences(char_ids: Any, lengths: Any, max_chars: int) -> Any:
    """Puts the sentence marks around each row's tokens.

    Args:
        char_ids: `(batch, time, chars)` int.
        lengths: `(batch,)` int, tokens of each row.
        max_chars: Character positions of the model; `chars` may be fewer.

    Returns:
        `(batch, time + 2, chars)` int32.
    """
    batch, time, chars = ops.shape(char_ids)
    begin = _mark(characters.begin_sentence_row(max_chars), chars)
    end = _mark(characters.end_sentence_row(max_chars), chars)
    gap = ops.zeros((batch, 1, chars), "int32")
    shifted = ops.concatenate([gap, ops.cast(char_ids, "int32"), gap], axis=1)
    position = ops.arange(time + 2, dtype="int32")[None, :, None]
    at_end = position == ops.cast(lengths, "int32")[:, None, None] + 1
    wrapped = ops.where(position == 0, begin, shifted)
    return ops.where(at_end, end, wrapped)


def _mark(row: np.ndarray, chars: Any) -> Any:
    return ops.convert_to_tensor(row)[None, None, :chars]
