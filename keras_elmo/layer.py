"""The embedding layer: strings in, ELMo vectors out."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_elmo import characters, initial_states
from keras_elmo.bilm import BiLM
from keras_elmo.inputs import as_tensor, as_tokens, token_counts
from keras_elmo.options import BiLMOptions
from keras_elmo.scalar_mix import ScalarMix
from keras_elmo.sources import DEFAULT, open_source
from keras_elmo.spelling import spell

OUTPUTS = (
    "elmo",
    "word_emb",
    "lstm_outputs1",
    "lstm_outputs2",
    "layers",
    "default",
)


@keras.saving.register_keras_serializable("keras_elmo")
class ElmoEmbeddingLayer(keras.layers.Layer):
    """Turns tokens into ELMo's contextual vectors.

    Args:
        source: `default` for the model that comes with the package, a folder with
            options.json and an hdf5 file, the pair of them, a SavedModel folder
            with google/elmo's variables, or a TF Hub handle.
        max_sequence_length: Tokens per text; longer texts are cut and shorter ones
            padded at their end. None takes each batch as it comes.
        output: `elmo` for the mix of all layers; `word_emb`, `lstm_outputs1` or
            `lstm_outputs2` for one layer; `layers` for all; `default` for the
            mean of the mix over a text's tokens.
        trainable: Whether the biLM is fine-tuned.
        trainable_mix: Whether the mix (a softmax weight per layer, and gamma) is
            learned.
        initial_state: `warm` starts every text from one fixed state, the mean over
            a few English sentences; `zeros` from zeros. Either way a text's
            vectors depend on nothing but the text.

    Inputs:  string `(batch, time)`, padded at the end with `""`; or a RaggedTensor
        or nested list of tokens; or whole texts `(batch,)` or `(batch, 1)`, which
        are split at spaces.
    Outputs: float `(batch, time, dim)` with `dim = 2 * projection_dim`; `word_emb`
        has half that width, as TF Hub's has; `layers` is `(batch, layers, time,
        dim)`; `default` is `(batch, dim)`. Zero where there is no token.
    Mask:    Made here, `(batch, time)`, True where there is a token; none for
        `default`.
    Errors:  `SourceError` or `WeightsError` at construction; `TypeError` for
        inputs that are no strings, `ValueError` for those of another rank.
    Source:  Peters et al. 2018, arXiv:1802.05365; outputs as of google/elmo/3.

    Example:
        >>> elmo = ElmoEmbeddingLayer()
        >>> elmo([["The", "cat", "sat"], ["Hello", ""]]).shape[:2]
        TensorShape([2, 3])
    """

    def __init__(
        self,
        source: str | tuple[str, str] = DEFAULT,
        max_sequence_length: int | None = None,
        output: str = "elmo",
        trainable: bool = False,
        *,
        trainable_mix: bool = True,
        initial_state: str = "warm",
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if output not in OUTPUTS:
            raise ValueError(
                f"`output` must be one of {', '.join(OUTPUTS)}. "
                f"Received: `output={output}`"
            )
        if max_sequence_length is not None and max_sequence_length < 1:
            raise ValueError(
                "`max_sequence_length` must be a positive int or None. "
                f"Received: `max_sequence_length={max_sequence_length}`"
            )
        initial_states.check_kind(initial_state)
        self.source = source
        self.max_sequence_length = max_sequence_length
        self.output_name = output
        self.trainable_mix = trainable_mix
        self.initial_state = initial_state
        self.supports_masking = True
        self.supports_jit = False  # strings never compile
        opened = None if options else open_source(source)
        self.bilm = BiLM(
            opened.options if opened else BiLMOptions.from_dict(options or {}),
            name="bilm",
            dtype=self.dtype_policy,
        )
        self._fine_tune = trainable
        self._check_layer_exists()
        if opened:
            opened.load(self.bilm)
        self.start = initial_states.InitialStates(
            self.bilm.options, name="start", dtype=self.dtype_policy
        )
        # A rebuilt layer gets its states with its weights, from the saved file.
        if opened and initial_state == "warm":
            self.start.warm_up(self.bilm)
        self.mix = ScalarMix(name="mix", dtype=self.dtype_policy)
        self.mix.build((None, self.num_layers, None, self.dim))
        self.bilm.trainable = trainable
        self.mix.trainable = trainable_mix

    @property
    def dim(self) -> int:
        """Width of an ELMo vector."""
        return self.bilm.options.dim

    @property
    def num_layers(self) -> int:
        """Layers of the biLM, the token encoder counted as the first."""
        return self.bilm.options.n_layers + 1

    def _check_layer_exists(self) -> None:
        if self.output_name.startswith("lstm_outputs"):
            wanted = int(self.output_name[-1])
            if wanted >= self.num_layers:
                raise ValueError(
                    f"`output={self.output_name}` needs {wanted} LSTM layers. "
                    f"Received: a model with {self.num_layers - 1}"
                )

    def build(self, *_: Any) -> None:
        self.built = True  # the weights depend on the source, not on the inputs

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(inputs, keras.KerasTensor):
            inputs = as_tensor(inputs)
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if dtype != "string":
            raise TypeError(
                "`ElmoEmbeddingLayer` takes tokens as strings. "
                f"Received: inputs of dtype {dtype}"
            )
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        # (batch, time), cut; padding to max_sequence_length comes last
        tokens = as_tokens(inputs, self.max_sequence_length)
        layers = self._activations(tokens, training)
        lengths = token_counts(tokens)
        if self.output_name == "default":
            mixed = tf.reduce_sum(self.mix(layers), axis=1)
            count = tf.cast(tf.maximum(lengths, 1), mixed.dtype)
            return mixed / count[:, None]  # padding is zero and adds nothing
        return self._pad(self._select(layers))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        # A symbolic mask would need an operation of its own; when the model runs,
        # the layers after this one get the mask from the tensor itself.
        if self.output_name == "default" or isinstance(inputs, keras.KerasTensor):
            return None
        tokens = as_tokens(as_tensor(inputs), self.max_sequence_length)
        time = self.max_sequence_length or tf.shape(tokens)[1]
        return tf.sequence_mask(token_counts(tokens), time)

    def _activations(self, tokens: tf.Tensor, training: bool | None) -> tf.Tensor:
        """Gives all layers `(batch, layers, time, dim)`."""
        options = self.bilm.options
        # Each distinct token is encoded once; the sentence marks are two more.
        flat = tf.reshape(tokens, [-1])
        marks = [characters.BEGIN_SENTENCE_TOKEN, characters.END_SENTENCE_TOKEN]
        words, ids = tf.unique(tf.concat([marks, flat], axis=0))
        widest = max(width for width, _ in options.filters)
        table = self.bilm.token_encoder(spell(words, options.max_chars, widest))
        lengths = token_counts(tokens)
        ids = tf.reshape(ids[2:], tf.shape(tokens))
        # begin, tokens, end: the end mark stands right after the last token
        position = tf.range(tf.shape(tokens)[1] + 2)[None, :]
        ids = tf.pad(ids, [[0, 0], [1, 1]])
        ids = tf.where(position == lengths[:, None] + 1, 1, ids)
        vectors = tf.gather(table, ids)  # (batch, time + 2, projection_dim)
        states = self.start(tf.shape(tokens)[0])
        layers, _ = self.bilm.contextualize(vectors, lengths, states, training=training)
        return layers

    def _select(self, layers: tf.Tensor) -> tf.Tensor:
        if self.output_name == "layers":
            return layers
        if self.output_name == "elmo":
            return self.mix(layers)
        if self.output_name == "word_emb":
            return layers[:, 0, :, : self.dim // 2]
        return layers[:, int(self.output_name[-1])]

    def _pad(self, x: tf.Tensor) -> tf.Tensor:
        if self.max_sequence_length is None:
            return x
        axis = x.shape.rank - 2
        missing = self.max_sequence_length - tf.shape(x)[axis]
        paddings = [[0, missing if i == axis else 0] for i in range(x.shape.rank)]
        shape = list(x.shape)
        shape[axis] = self.max_sequence_length
        return tf.ensure_shape(tf.pad(x, paddings), shape)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch = input_shape[0]
        is_text = len(input_shape) == 1 or input_shape[1] == 1
        time = self.max_sequence_length or (None if is_text else input_shape[1])
        if self.output_name == "default":
            return (batch, self.dim)
        if self.output_name == "layers":
            return (batch, self.num_layers, time, self.dim)
        dim = self.dim // 2 if self.output_name == "word_emb" else self.dim
        return (batch, time, dim)

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> Any:
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "source": self.source,
            "max_sequence_length": self.max_sequence_length,
            "output": self.output_name,
            "trainable": self._fine_tune,
            "trainable_mix": self.trainable_mix,
            "initial_state": self.initial_state,
            # With these the layer is rebuilt without its source at hand.
            "options": self.bilm.options.to_dict(),
        }
