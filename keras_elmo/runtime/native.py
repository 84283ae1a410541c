"""The native model behind the layer: tokens in, every layer of the biLM out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf
from keras import ops

# That weights are lent has no public name.
from keras.src.backend.common.stateless_scope import in_stateless_scope

from keras_elmo.bilm import BiLM, learns
from keras_elmo.options import BiLMOptions
from keras_elmo.runtime.bounds import bounded, in_one_line
from keras_elmo.runtime.lexicon_words import WordRows
from keras_elmo.runtime.packed_bilm import layers_in_groups, packed_layers
from keras_elmo.runtime.packed_lstm import pack, token_places
from keras_elmo.runtime.states import CarriedStates, InitialStates
from keras_elmo.runtime.words import WordCache, distinct_words, encode_words


class Encoder(Protocol):
    """What runs a biLM for the layer: `NativeElmo` or `SignatureModule`."""

    @property
    def dim(self) -> int:
        """Width of an ELMo vector."""

    @property
    def num_layers(self) -> int:
        """Layers of the biLM, the token encoder counted as the first."""

    @property
    def held(self) -> list[Any]:
        """What a SavedModel must hold in an attribute besides Keras's variables."""

    def run(
        self, words: tf.Tensor, lengths: tf.Tensor, training: bool | None = None
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Runs the model over a batch.

        Args:
            words: string `(tokens,)`, row after row.
            lengths: int32 `(batch,)`, the tokens of each row.
            training: Whether gradients will be asked for.

        Returns:
            Each layer `(tokens, dim)`, without padding, the token vector twice as the
            first; and of each token the row and the number in its row, int32
            `(tokens, 2)`.
        """


class NativeElmo(keras.layers.Layer):
    """A `BiLM` with what it needs to read strings, without needless work.

    Each distinct word is encoded once, and no step computes padding.

    Args:
        options: Sizes of the model.
        warm: Whether texts are read from a fixed state that is not zero.
        max_batch_size: Rows whose states are carried on; None if none are.
        vocabulary: Words to encode once for all calls; None for none.

    Inputs:  words, string `(tokens,)`, row after row; `lengths`, int32 `(batch,)`,
        the tokens of each row.
    Outputs: each layer `(tokens, dim)`, without padding; and the row and time of
        each token, int32 `(tokens, 2)`.
    """

    def __init__(
        self,
        options: BiLMOptions,
        *,
        warm: bool,
        max_batch_size: int | None = None,
        vocabulary: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options = options
        dtype = self.dtype_policy
        self.bilm = BiLM(options, name="bilm", dtype=dtype)
        self.start = InitialStates(options, name="start", dtype=dtype)
        self._warm = warm
        if warm:
            self.bilm.initial_states = self.start.by_path
        self.carried: Any = None
        self.cache: Any = None
        if max_batch_size is not None:
            self.carried = CarriedStates(options, max_batch_size, name="carried")
        if vocabulary is not None:
            self.cache = WordCache(vocabulary, options, name="cache", dtype=dtype)
            self.bilm.follow_weights = self._fill_cache
        self.word_rows: Any = None
        if options.lexicon is not None and options.lexicon.words:
            room = options.max_chars - 2 if options.n_characters else None
            self.word_rows = WordRows(options.lexicon, room, name="word_rows")
            self.bilm.word_rows = self.word_rows.of
        self.built = True

    @property
    def dim(self) -> int:
        """Width of an ELMo vector."""
        return self.options.dim

    @property
    def num_layers(self) -> int:
        """Layers of the biLM, the token encoder counted as the first."""
        return self.options.n_layers + 1

    @property
    def held(self) -> list[Any]:
        """The tables of words, which a SavedModel must hold in an attribute."""
        parts = (self.cache, self.word_rows)
        return [part.lookup for part in parts if part is not None]

    def load(self, fill: Callable[[BiLM], None], origin: str) -> None:
        """Fills the biLM, then all that follows from its weights.

        Args:
            fill: What fills the biLM; known words follow with its weights.
            origin: The source of the weights.

        Raises:
            WeightsError: If `fill` does, or if what follows from them overflows.
        """
        fill(self.bilm)
        with in_one_line(origin):
            if self.bilm.initial_states() and not self.start.are_set():
                self.start.warm_up(self.bilm)
        self.reset_states()

    def _fill_cache(self, origin: str | None) -> None:
        with in_one_line(origin):
            self.cache.fill(self.bilm)

    @property
    def _begin(self) -> Any:
        """The states from which texts are read.

        Weights of a layer with a warm state bring that along; zeros stay zeros.
        """
        states = self.start.states
        return states if self._warm else tf.nest.map_structure(ops.zeros_like, states)

    def reset_states(self) -> None:
        """Lets every row start anew, if states are carried on."""
        if self.carried is not None:
            self.carried.reset(self._begin)

    def check_room(self, rows: int | None) -> None:
        """Refuses a batch, if its size is known, of more rows than states are kept for.

        Raises:
            ValueError: If there is no room for it.
        """
        room = None if self.carried is None else self.carried.max_batch_size
        if rows is not None and room is not None and rows > room:
            raise ValueError(f"{self.carried.no_room()}: {rows}")

    def run(
        self, words: tf.Tensor, lengths: tf.Tensor, training: bool | None = None
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Runs the model; the class says what goes in and comes out."""
        if self.cache is not None and learns(self.bilm.token_encoder):
            raise ValueError(
                "The biLM cannot learn in a layer with a `vocabulary`: fine-tuning "
                "would leave its vectors behind"
            )
        # What the LSTMs' gradient needs is kept only where it will be asked for.
        keep = bool(training) and learns(self.bilm)
        # A compiled function would go on with the weights that `stateless_call` lends.
        if not tf.executing_eagerly() or in_stateless_scope():
            return self._run(keep, words, lengths)
        # Outside of a graph the loop over time would run step by step in Python.
        return self._compiled[keep](words, lengths)

    @functools.cached_property  # where neither Keras nor a SavedModel tracks it
    def _compiled(self) -> dict[bool, Any]:
        specs = (
            tf.TensorSpec([None], tf.string),
            tf.TensorSpec([None], tf.int32),
        )
        return {
            keep: tf.function(
                functools.partial(self._run, keep),
                input_signature=specs,
                autograph=False,
            )
            for keep in (False, True)
        }

    def _run(
        self, keep: bool, words: tf.Tensor, lengths: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        words, ids = distinct_words(words, lengths, self.options.sentence_marks)
        if self.cache is not None:
            vectors = self.cache.vectors(self.bilm, words)
        elif keep:  # in a training that diverges, the loss says so
            vectors = encode_words(self.bilm, words, tf.identity)
        else:
            vectors = encode_words(self.bilm, words)
        if self.carried is not None:
            return self._run_stateful(vectors, ids, lengths)
        states = self._begin
        if not keep:
            layers, places = layers_in_groups(self.bilm, vectors, ids, lengths, states)
            return [bounded(layer) for layer in layers], places
        packing = pack(lengths, tf.cumsum(lengths + 2, exclusive=True))
        layers = packed_layers(self.bilm, vectors, ids, packing, states, learns=True)
        return layers, packing.tokens

    def _run_stateful(
        self, vectors: tf.Tensor, ids: tf.Tensor, lengths: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        # Rows whose states are carried on go through one loop, hence padded.
        wrapped = tf.RaggedTensor.from_row_lengths(ids, lengths + 2)
        time = tf.reduce_max(tf.pad(lengths, [[0, 1]])) + 2
        ids = wrapped.to_tensor(shape=tf.stack([-1, time]))
        vectors = tf.gather(vectors, ids)
        states = self.carried(tf.shape(lengths)[0])
        layers, last = self.bilm.contextualize(
            vectors, lengths, states, keep_states=True
        )
        layers = bounded(layers)
        with tf.control_dependencies([layers]):  # NaN must not be carried on
            self.carried.keep(last)
        places = token_places(lengths)
        return [tf.gather_nd(x, places) for x in tf.unstack(layers, axis=1)], places
