"""The two language models that a biLM is trained as, in `keras.ops` alone."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_elmo.bilm import BiLM
from keras_elmo.lstm import add_states
from keras_elmo.options import BiLMOptions

_SOFTMAX_STDDEV = 0.01  # nearly the words' frequencies alone, at the start
_HIT = -1e9  # logit of a sampled word that is the target itself


class LanguageModel(keras.Model):
    """Predicts the next word ahead and back; returns both losses.

    Both directions share the token encoder and the softmax. Their LSTM states are
    variables and go on from batch to batch.

    Args:
        options: Sizes of the biLM.
        word_counts: Occurrences of each predicted word, `(vocabulary,)`. The softmax
            starts from them: with negatives drawn by frequency, a rare word is
            pushed down too seldom to get there from an even start.
        rows: Rows of a batch.
        dropout: Share of each LSTM layer's input, and of the last output, set to
            zero in training.
        dtype: Keras policy, float32 or mixed_bfloat16; losses are float32 always.

    Inputs:  the dict of arrays that `Batcher.batch` returns.
    Outputs: float32 `(2,)`, the mean loss in nats per token, forward and backward:
        sampled softmax in training, full softmax else.
    Source:  Peters et al. 2018, arXiv:1802.05365; sampled softmax as in Jean et al.
        2015, arXiv:1412.2007.
    """

    def __init__(
        self,
        options: BiLMOptions,
        *,
        word_counts: np.ndarray,
        rows: int,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.options = options
        dim = options.projection_dim
        # JAX compiles a loop much sooner; the others run laid-out steps sooner.
        unroll = keras.backend.backend() != "jax"
        policy = self.dtype_policy
        self.bilm = BiLM(
            options, dropout=dropout, unroll=unroll, name="bilm", dtype=policy
        )
        self.stacks = (self.bilm.forward_lstm, self.bilm.backward_lstm)
        self.dropout = keras.layers.Dropout(dropout, dtype=policy)
        self.softmax_weights = self.add_weight(
            shape=(len(word_counts), dim),
            initializer=keras.initializers.RandomNormal(stddev=_SOFTMAX_STDDEV),
            autocast=False,
            name="softmax_weights",
        )
        self.softmax_bias = self.add_weight(
            shape=(len(word_counts),),
            initializer="zeros",
            autocast=False,
            name="softmax_bias",
        )
        shares = (word_counts + 1.0) / (word_counts + 1.0).sum()
        self.softmax_bias.assign(np.log(shares).astype("float32"))
        self.states, self.parts = add_states(self, options, rows)
        self.built = True

    def call(self, batch: dict[str, Any], training: bool | None = None) -> Any:
        vectors = self.bilm.token_encoder(batch["chars"])  # (distinct, dim)
        vectors = ops.cast(vectors, "float32")  # so that their gradients add up well
        losses = []
        for direction, stack in enumerate(self.stacks):
            x = ops.take(vectors, batch["inputs"][direction], axis=0)
            x = ops.cast(x, self.compute_dtype)
            # Copies: PyTorch must not see what its gradient needs be overwritten.
            states = [[ops.copy(v) for v in s] for s in self.states[direction]]
            layers, last = stack(x, states, training=training)
            for variables, values in zip(self.states[direction], last, strict=True):
                for variable, value in zip(variables, values, strict=True):
                    variable.assign(ops.stop_gradient(value))
            top = self.dropout(layers[-1], training=training)  # (rows, unroll, dim)
            if training:
                losses.append(self._sampled_loss(top, batch, direction))
            else:
                losses.append(self._full_loss(top, batch["targets"][direction]))
        return ops.stack(losses)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        return ops.mean(y_pred)

    def _sampled_loss(self, top: Any, batch: dict[str, Any], direction: int) -> Any:
        flat = ops.reshape(top, (-1, self.options.projection_dim))
        targets = ops.reshape(batch["targets"][direction], (-1,))
        target_log_counts = ops.reshape(batch["target_log_counts"][direction], (-1,))
        weights = ops.take(self.softmax_weights, targets, axis=0)
        target_logits = ops.sum(ops.cast(flat, "float32") * weights, axis=-1)
        target_logits += ops.take(self.softmax_bias, targets) - target_log_counts
        negatives = batch["negatives"]
        table = ops.take(self.softmax_weights, negatives, axis=0)
        logits = self._logits(flat, table)
        offsets = ops.take(self.softmax_bias, negatives) - batch["negative_log_counts"]
        logits = logits + offsets  # (tokens, negatives)
        is_hit = negatives[None, :] == targets[:, None]
        logits = ops.where(is_hit, _HIT, logits)
        everything = ops.logaddexp(ops.logsumexp(logits, axis=-1), target_logits)
        return ops.mean(everything - target_logits)

    def _full_loss(self, top: Any, targets: Any) -> Any:
        total = 0.0
        unroll = top.shape[1]
        for i in range(unroll):  # a position at a time bounds the memory
            logits = self._logits(top[:, i], self.softmax_weights) + self.softmax_bias
            hit = ops.take_along_axis(logits, targets[:, i][:, None], axis=-1)
            total += ops.mean(ops.logsumexp(logits, axis=-1) - hit[:, 0])
        return total / unroll

    def _logits(self, vectors: Any, table: Any) -> Any:
        table = ops.transpose(ops.cast(table, self.compute_dtype))
        return ops.cast(ops.matmul(vectors, table), "float32")

    def state_values(self) -> list[Any]:
        """Returns the carried states as arrays."""
        return [ops.convert_to_numpy(v) for v in self.parts]

    def set_states(self, values: list[Any]) -> None:
        """Sets the carried states from arrays as `state_values` returns."""
        for variable, value in zip(self.parts, values, strict=True):
            variable.assign(value)
