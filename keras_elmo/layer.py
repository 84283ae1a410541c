"""The embedding layer: strings in, ELMo vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_elmo import checks, tensors
from keras_elmo.alignment import Alignment, paths_by_layer
from keras_elmo.bilm import BiLM, learns
from keras_elmo.options import BiLMOptions
from keras_elmo.runtime.native import Encoder, NativeElmo
from keras_elmo.scalar_mix import ScalarMix
from keras_elmo.sources import (
    DEFAULT,
    Source,
    SourceInfo,
    open_source,
    reopen_source,
)
from keras_elmo.string_layer import StringLayer, warn_of_replicas

INITIAL_STATES = ("warm", "zeros")
MOST_MIXES, MOST_ROWS = 1000, 2**16  # each takes time, or memory


@keras.saving.register_keras_serializable("keras_elmo")
class ElmoEmbeddingLayer(StringLayer):
    """Turns tokens into ELMo's contextual vectors.

    Args:
        source: `default` for the model that comes with the package, a folder with
            options.json and an hdf5 file, the pair of them, a folder of bilm-tf's
            training or of ELMoForManyLangs, a SavedModel folder in TF Hub's form, an
            archive of such a folder, or a TF Hub or Kaggle handle. `source_info` says
            what it is and what runs.
        max_sequence_length: Tokens per text; longer texts are cut and shorter ones
            padded at their end. None takes each batch as it comes, with texts of
            100,000 tokens at most.
        output: `elmo` for the mix of all layers; `word_emb`, `lstm_outputs1` or
            `lstm_outputs2` for one layer; `layers` for all; `default` for the
            mean of the mix over a text's tokens.
        trainable: Whether the biLM is fine-tuned at first; else no gradient goes
            into it. The attribute `trainable` can be set later, as for any layer.
        trainable_mix: Whether the mix (a softmax weight per layer, and gamma) is
            learned at first.
        frozen: Names in `parts` of what does not learn at first, although the two
            above say so.
        input_form: `texts` or `tokens`, if the inputs are always of one kind; None
            if their rank says it.
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
        alignment: Matrices into the space of another language's model: the path of
            the first LSTM layer's, or one or None for each layer.
        options: Sizes of the biLM in the form of options.json. `get_config()` writes
            them: a layer that gets them needs no `source` while Keras reads a saved
            model, which has the weights. Elsewhere, as in `clone_model`, it loads
            `source` again; a handle, if it was fetched in this process. If that
            fails, it warns, and its weights are random.

    Inputs:  string `(batch, time)`: tokens, padded with `""` at the end or the start;
        or a RaggedTensor or nested list of them; or `(batch,)`: whole texts, which
        are split at spaces. `(batch, 1)` is one token a row, or one text with
        `input_form="texts"`.
    Outputs: float `(batch, time, dim)` with `dim = 2 * projection_dim`; `word_emb`
        has half that width, as TF Hub's has; `layers` is `(batch, layers, time,
        dim)`; `default` is `(batch, dim)`. Zero where there is no token.
    Mask:    Made here, `(batch, time)`, True where there is a token; none for
        `default` and `layers`.
    Errors:  `SourceError` or `WeightsError` at construction; `TypeError` for
        inputs that are not strings, `ValueError` for those of another rank, and for
        `keras.Input((1,))` without `input_form`.
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
        frozen: Sequence[str] = (),
        input_form: str | None = None,
        mixes: int = 1,
        mix_layer_norm: bool = False,
        mix_l2: float = 0.0,
        dropout: float = 0.0,
        initial_state: str = "warm",
        stateful: bool = False,
        max_batch_size: int = 128,
        vocabulary: Sequence[str] | None = None,
        alignment: str | Sequence[str | None] | None = None,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_sequence_length=max_sequence_length, input_form=input_form, **kwargs
        )
        checks.check_choice("output", output, tensors.OUTPUTS)
        checks.check_choice("initial_state", initial_state, INITIAL_STATES)
        checks.check_positive("mixes", mixes, most=MOST_MIXES)
        checks.check_positive("max_batch_size", max_batch_size, most=MOST_ROWS)
        checks.check_dropout(dropout)
        checks.check_penalty("mix_l2", mix_l2)
        checks.check_flags(trainable=trainable, trainable_mix=trainable_mix)
        checks.check_flags(mix_layer_norm=mix_layer_norm, stateful=stateful)
        self.source = checks.plain_source(source)
        self.output_name = output  # `output` means more in Keras
        self.mix_layer_norm = bool(mix_layer_norm)
        self.mix_l2 = float(mix_l2)  # of NumPy's, Keras refuses some
        self.initial_state = initial_state
        self.stateful = bool(stateful)
        self.max_batch_size = int(max_batch_size)
        self.vocabulary = checks.word_list(vocabulary)
        checks.check_vocabulary(self.vocabulary, trainable)
        self.supports_masking = True
        if options is None:
            opened: Source | None = open_source(source)
        elif checks.weights_will_come():
            opened = None
        else:
            opened = reopen_source(source, BiLMOptions.from_dict(options))
        self.source_info = (
            opened.info if opened else SourceInfo.of_saved_layer(str(source))
        )
        # With its name in theirs, variables differ from those of another such layer:
        # an .h5 file keeps the optimizer's by name.
        with keras.name_scope(self.name):
            self.encoder = self._make_encoder(opened, options)
            self._check_model(trainable)
            # Under `mixes` and `dropout` a saved model keeps the state of these layers.
            self.mixes = [self._make_mix(n, bool(trainable_mix)) for n in range(mixes)]
            self.alignment = self._make_alignment(alignment, opened, options)
        self.dropout = keras.layers.Dropout(
            float(dropout), name="dropout", dtype=self.dtype_policy
        )
        if opened:
            self._load(opened)
        if self.bilm is not None:
            self.bilm.trainable = bool(trainable)
        self._freeze_unread()
        for name in checks.check_names("frozen", frozen, tuple(self.parts)):
            self.parts[name].trainable = False

    def _make_encoder(
        self, opened: Source | None, options: dict[str, Any] | None
    ) -> Encoder:
        if opened and opened.module:
            return opened.module
        return NativeElmo(
            (opened and opened.options) or BiLMOptions.from_dict(options or {}),
            warm=self.initial_state == "warm",
            max_batch_size=self.max_batch_size if self.stateful else None,
            vocabulary=self.vocabulary,
            name="native",
            dtype=self.dtype_policy,
        )

    def _check_model(self, trainable: bool) -> None:
        checks.check_output(self.output_name, self.num_layers)
        checks.check_native(
            self.is_native,
            trainable=trainable,
            stateful=self.stateful,
            vocabulary=self.vocabulary,
        )

    def _make_alignment(self, named: Any, opened: Any, old: Any) -> Alignment | None:
        paths = paths_by_layer(named, self.num_layers, self.output_name)
        self.alignment_paths = paths
        if paths is None:
            return None
        return Alignment(
            paths,
            self.dim,
            read=opened is not None,
            again=old is not None,
            name="alignment",
            dtype=self.dtype_policy,
        )

    def _make_mix(self, number: int, trainable: bool) -> ScalarMix:
        mix = ScalarMix(
            layer_norm=self.mix_layer_norm,
            l2=self.mix_l2,
            name=f"mix_{number}" if number else "mix",
            trainable=trainable,
            dtype=self.dtype_policy,
        )
        mix.build((None, self.num_layers, None, self.dim))
        return mix

    def _load(self, opened: Source) -> None:
        # A layer rebuilt from its configuration gets all this from the saved file.
        if opened.load_mix:
            for mix in self.mixes:
                opened.load_mix(mix)
        if opened.load and isinstance(self.encoder, NativeElmo):
            self.encoder.load(opened.load, opened.info.source)

    @property
    def is_native(self) -> bool:
        """Whether the native model runs, and not a module's signature."""
        return isinstance(self.encoder, NativeElmo)

    @property
    def bilm(self) -> BiLM | None:
        """The native model; None where a module's signature runs."""
        return self.encoder.bilm if isinstance(self.encoder, NativeElmo) else None

    @property
    def trainable(self) -> bool:
        """Whether anything here learns: the biLM, a mix, or parts of them.

        Setting it freezes all of them, or lets all learn that `output` reads. To
        let some learn, set `trainable` of `bilm`, `mix` or `parts` after it. A
        model must be compiled anew, as after any such change.

        Raises:
            ValueError: If the biLM would learn in a layer with a `vocabulary`.
        """
        return any(learns(part) for part in self.parts.values())

    @trainable.setter
    def trainable(self, value: bool) -> None:
        checks.check_vocabulary(self.vocabulary, value)
        for layer in self._flatten_layers():
            keras.layers.Layer.trainable.fset(layer, value)  # type: ignore[attr-defined]
        self._freeze_unread()

    def __setattr__(self, name: str, value: Any) -> None:
        # Keras skips a flag that stands as it is set, but parts may differ from it.
        if name == "trainable":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def parts(self) -> dict[str, keras.layers.Layer]:
        """What can learn by itself: `mix`, `mix_1`, `token_encoder`, `forward_lstm_0`.

        The numbers are those of the mixes and of the LSTM layers, `forward` and
        `backward`, from 0.
        """
        parts: dict[str, keras.layers.Layer] = {mix.name: mix for mix in self.mixes}
        return parts | (self.bilm.parts if self.bilm is not None else {})

    def _freeze_unread(self) -> None:
        # It would have no gradient, and Keras would warn of it in every fit.
        unread = [] if self.output_name in tensors.MIXED else list(self.mixes)
        if self.bilm is not None:
            first = tensors.lstm_layers_read(self.output_name, self.num_layers)
            for stack in (self.bilm.forward_lstm, self.bilm.backward_lstm):
                unread += stack.layers[first:]
        for part in unread:
            part.is_read = False
            part.trainable = False

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
        if isinstance(self.encoder, NativeElmo):
            self.encoder.reset_states()

    def build(self, *_: Any) -> None:
        self.built = True  # the weights depend on the source, not on the inputs

    def check_shape(self, shape: Any) -> None:
        super().check_shape(shape)
        if isinstance(self.encoder, NativeElmo):
            self.encoder.check_room(shape[0])

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
        tokens = self.tokens(inputs)
        layers, places = self.encoder.run(tokens.words, tokens.lengths, training)
        layers = [tf.cast(layer, self.dtype_policy.compute_dtype) for layer in layers]
        if self.bilm is None or not learns(self.bilm):
            # Else TensorFlow would build a gradient of the LSTMs that nothing reads.
            layers = [tf.stop_gradient(layer) for layer in layers]
        if self.alignment is not None:
            layers = self.alignment(layers)

        if self.output_name not in tensors.MIXED:
            packed = [tensors.select(layers, self.output_name)]
        else:
            packed = [mix(layers) for mix in self.mixes]
        if self.output_name == "default":
            outputs = [tensors.mean(x, places, tokens.lengths) for x in packed]
        else:
            time = self.max_sequence_length
            outputs = [tensors.unpack(x, places, tokens, time) for x in packed]
        outputs = [self.dropout(x, training=training) for x in outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if self.output_name in ("default", "layers"):
            return None
        return self._for_each_mix(self.mask(inputs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self._for_each_mix(
            tensors.output_shape(
                input_shape,
                output=self.output_name,
                form=self.input_form,
                max_tokens=self.max_sequence_length,
                num_layers=self.num_layers,
                dim=self.dim,
            )
        )

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> Any:
        warn_of_replicas()
        tensors.check_form(inputs.shape, self.input_form)
        dtype = self.dtype_policy.compute_dtype
        return keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor(shape, dtype),
            self.compute_output_shape(inputs.shape),
        )

    def _for_each_mix(self, value: Any) -> Any:
        several = self.output_name in tensors.MIXED and len(self.mixes) > 1
        return [value] * len(self.mixes) if several else value

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "source": _plain(self.source),
            "max_sequence_length": self.max_sequence_length,
            "output": self.output_name,
            "trainable": self.bilm is not None and learns(self.bilm),
            "trainable_mix": any(learns(mix) for mix in self.mixes),
            "frozen": [name for name, part in self.parts.items() if not learns(part)],
            "input_form": self.input_form,
            "mixes": len(self.mixes),
            "mix_layer_norm": self.mix_layer_norm,
            "mix_l2": self.mix_l2,
            "dropout": self.dropout.rate,
            "initial_state": self.initial_state,
            "stateful": self.stateful,
            "max_batch_size": self.max_batch_size,
            "vocabulary": _plain(self.vocabulary),
            "alignment": _plain(self.alignment_paths),
            # With its options the layer is rebuilt without its source at hand.
            "options": self.bilm.options.to_dict() if self.bilm is not None else None,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ElmoEmbeddingLayer:
        if config.get("options") is None:
            checks.check_trusted(str(config.get("source")))
        layer = cls(**config)
        layer.takes_columns_for_texts = "input_form" not in config
        return layer


def _plain(value: Any) -> Any:
    """Returns a list that Keras does not watch: a copy of one would copy the layer."""
    return list(value) if isinstance(value, list) else value
