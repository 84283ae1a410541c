"""The embedding layer: strings in, ELMo vectors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_elmo import checks, tensors
from keras_elmo.bilm import BiLM
from keras_elmo.options import BiLMOptions
from keras_elmo.runtime.native import NativeElmo
from keras_elmo.runtime.signature_module import SignatureModule
from keras_elmo.scalar_mix import ScalarMix
from keras_elmo.sources import DEFAULT, Source, SourceInfo, open_source
from keras_elmo.tensors import as_tensor, as_tokens, check_rank, token_counts


class StringLayer(keras.layers.Layer):
    """A layer that takes strings: a tensor, a RaggedTensor, an array or lists.

    `call()` gets a dense tensor. The layer has no weights of its own: those of its
    parts have the dtypes of `dtype_policy`, as its outputs have.

    Errors: `TypeError` for inputs that are no strings.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # strings never compile

    @property
    def compute_dtype(self) -> str:
        """That of the inputs: a Sequential model without `Input` makes them so."""
        return "string"

    @property
    def variable_dtype(self) -> str:
        """The same, or Keras would take the policy for a mixed one."""
        return "string"

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(inputs, keras.KerasTensor):
            inputs = as_tensor(inputs)
        checks.check_dtype(keras.backend.standardize_dtype(inputs.dtype))
        return super().__call__(inputs, *args, **kwargs)


@keras.saving.register_keras_serializable("keras_elmo")
class ElmoEmbeddingLayer(StringLayer):
    """Turns tokens into ELMo's contextual vectors.

    Args:
        source: `default` for the model that comes with the package, a folder with
            options.json and an hdf5 file, the pair of them, a SavedModel folder in
            TF Hub's form, or a TF Hub or Kaggle handle. `source_info` says what was
            found there and what runs.
        max_sequence_length: Tokens per text; longer texts are cut and shorter ones
            padded at their end. None takes each batch as it comes.
        output: `elmo` for the mix of all layers; `word_emb`, `lstm_outputs1` or
            `lstm_outputs2` for one layer; `layers` for all; `default` for the
            mean of the mix over a text's tokens.
        trainable: Whether the biLM is fine-tuned.
        trainable_mix: Whether the mix (a softmax weight per layer, and gamma) is
            learned.
        mixes: How many mixes are learned over one run of the biLM; with more than
            one, `elmo` and `default` are lists of as many tensors.
        mix_layer_norm: Whether layers are normalised before they are mixed, over
            all tokens of a batch, as ELMo's authors do it.
        mix_l2: Factor of the penalty on the mixes' squared weights.
        dropout: Share of the output set to zero in training.
        initial_state: `warm` starts every text from one fixed state, the mean over
            a few English sentences; `zeros` from zeros. Either way a text's
            vectors depend on nothing but the text.
        stateful: Whether row r of a batch starts where row r of the batch before
            ended, as in the published code; `reset_states()` starts anew.
        max_batch_size: Rows for which a stateful layer has room.
        vocabulary: Words whose token vectors are computed once, here; others are
            computed as they come. It changes the speed, no result.

    Inputs:  string `(batch, time)`, padded at the end with `""`; or a RaggedTensor
        or nested list of tokens; or whole texts `(batch,)` or `(batch, 1)`, which
        are split at spaces.
    Outputs: float `(batch, time, dim)` with `dim = 2 * projection_dim`; `word_emb`
        has half that width, as TF Hub's has; `layers` is `(batch, layers, time,
        dim)`; `default` is `(batch, dim)`. Zero where there is no token.
    Mask:    Made here, `(batch, time)`, True where there is a token; none for
        `default` and `layers`.
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
        mixes: int = 1,
        mix_layer_norm: bool = False,
        mix_l2: float = 0.0,
        dropout: float = 0.0,
        initial_state: str = "warm",
        stateful: bool = False,
        max_batch_size: int = 128,
        vocabulary: Sequence[str] | None = None,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._given: dict[str, Any] = {
            "source": source,
            "max_sequence_length": max_sequence_length,
            "output": output,
            "trainable": trainable,
            "trainable_mix": trainable_mix,
            "mixes": mixes,
            "mix_layer_norm": mix_layer_norm,
            "mix_l2": mix_l2,
            "dropout": dropout,
            "initial_state": initial_state,
            "stateful": stateful,
            "max_batch_size": max_batch_size,
            "vocabulary": checks.words_of(vocabulary),
        }
        checks.check_arguments(self._given)
        self.source = source
        self.max_sequence_length = max_sequence_length
        self.output_name = output
        self.stateful = stateful
        self.supports_masking = True
        opened = None if options else open_source(source)
        self.source_info = (
            opened.info if opened else SourceInfo.of_saved_layer(str(source))
        )
        self.encoder = self._make_encoder(opened, options)
        checks.check_model(self._given, self.num_layers, self.is_native)
        self.mixes = [
            ScalarMix(
                layer_norm=mix_layer_norm,
                l2=mix_l2,
                name="mix" if number == 0 else f"mix_{number}",
                trainable=trainable_mix,
                dtype=self.dtype_policy,
            )
            for number in range(mixes)
        ]
        for mix in self.mixes:
            mix.build((None, self.num_layers, None, self.dim))
        self.dropout = keras.layers.Dropout(
            dropout, name="dropout", dtype=self.dtype_policy
        )
        if opened:
            self._load(opened)
        if self.bilm is not None:
            self.bilm.trainable = trainable

    def _make_encoder(
        self, opened: Source | None, options: Mapping[str, Any] | None
    ) -> NativeElmo | SignatureModule:
        if opened and opened.module:
            return opened.module
        found = opened.options if opened else None
        rows = self._given["max_batch_size"] if self._given["stateful"] else None
        return NativeElmo(
            found or BiLMOptions.from_dict(options or {}),
            max_batch_size=rows,
            vocabulary=self._given["vocabulary"],
            name="native",
            dtype=self.dtype_policy,
        )

    def _load(self, opened: Source) -> None:
        # A layer rebuilt from its configuration gets all this from the saved file.
        if opened.load_mix:
            for mix in self.mixes:
                opened.load_mix(mix)
        if opened.load:
            self.encoder.load(opened.load, self._given["initial_state"])

    @property
    def is_native(self) -> bool:
        """Whether the native model runs, and not a module's signature."""
        return isinstance(self.encoder, NativeElmo)

    @property
    def bilm(self) -> BiLM | None:
        """The native model; None where a module's signature runs."""
        return self.encoder.bilm if self.is_native else None

    @property
    def mix(self) -> ScalarMix:
        """The first mix, and often the only one."""
        return self.mixes[0]

    @property
    def dim(self) -> int:
        """Width of an ELMo vector."""
        return self.encoder.dim

    @property
    def num_layers(self) -> int:
        """Layers of the biLM, the token encoder counted as the first."""
        return self.encoder.num_layers

    def reset_states(self) -> None:
        """Lets every row of a stateful layer start anew."""
        if self.is_native:
            self.encoder.reset_states()

    def build(self, *_: Any) -> None:
        self.built = True  # the weights depend on the source, not on the inputs

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
        # (batch, time), cut; padding to max_sequence_length comes last
        tokens = as_tokens(inputs, self.max_sequence_length)
        lengths = token_counts(tokens)
        layers, places = self.encoder.run(tokens, lengths, training)
        layers = [tf.cast(layer, self.dtype_policy.compute_dtype) for layer in layers]

        def unpack(x: tf.Tensor) -> tf.Tensor:
            shape = tf.shape(tokens)
            return tensors.unpack(x, places, shape, self.max_sequence_length)

        if self.output_name not in tensors.MIXED:
            given = [unpack(tensors.select(layers, self.output_name))]
        else:
            given = [unpack(mix(layers)) for mix in self.mixes]
        if self.output_name == "default":
            given = [tensors.mean(x, lengths) for x in given]
        given = [self.dropout(x, training=training) for x in given]
        return given[0] if len(given) == 1 else given

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        # A symbolic mask would need an operation of its own; when the model runs,
        # the layers after this one get the mask from the tensor itself.
        if self.output_name in ("default", "layers"):
            return None
        if isinstance(inputs, keras.KerasTensor):
            return None
        tokens = as_tokens(as_tensor(inputs), self.max_sequence_length)
        time = self.max_sequence_length or tf.shape(tokens)[1]
        return self._for_each_mix(tf.sequence_mask(token_counts(tokens), time))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self._for_each_mix(
            tensors.output_shape(
                input_shape,
                output=self.output_name,
                max_tokens=self.max_sequence_length,
                num_layers=self.num_layers,
                dim=self.dim,
            )
        )

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> Any:
        check_rank(inputs.shape)
        dtype = self.dtype_policy.compute_dtype
        return keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor(shape, dtype),
            self.compute_output_shape(inputs.shape),
        )

    def _for_each_mix(self, value: Any) -> Any:
        several = self.output_name in tensors.MIXED and len(self.mixes) > 1
        return [value] * len(self.mixes) if several else value

    def get_config(self) -> dict[str, Any]:
        # With its options the layer is rebuilt without its source at hand.
        options = self.bilm.options.to_dict() if self.bilm is not None else None
        return {**super().get_config(), **self._given, "options": options}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ElmoEmbeddingLayer:
        if config.get("options") is None:
            checks.check_trusted(str(config.get("source")))
        return cls(**config)
