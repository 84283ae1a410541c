"""What a layer of strings takes, and what it refuses before Keras sees it."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # says it under no public name

from keras_elmo import checks, tensors
from keras_elmo.runtime import bounds
from keras_elmo.whole_checkpoints import WholeInCheckpoints

_LOG = logging.getLogger("keras_elmo")
_KEEPS_MASKS = (3, 14)  # the first version of Keras whose casts do


class StringLayer(WholeInCheckpoints):
    """A layer that takes tokens or texts: a tensor, a RaggedTensor, an array or lists.

    `call()` gets a tensor, or a RaggedTensor `(batch, time)` as it is. The layer has no
    weights of its own: those of its parts have the dtypes of `dtype_policy`, as its
    outputs have.

    Args:
        max_sequence_length: Tokens per text; None for as many as there are.
        input_form: `texts` or `tokens`; None if the rank of the inputs says it.

    Errors: `TypeError` for inputs that are not strings, `ValueError` for those of a
        shape that is refused, or that could mean both.
    """

    def __init__(
        self,
        *,
        max_sequence_length: int | None,
        input_form: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        checks.check_policy(self.dtype_policy)
        if max_sequence_length is not None:
            checks.check_positive(
                "max_sequence_length", max_sequence_length, "a positive int or None"
            )
            max_sequence_length = int(max_sequence_length)  # Keras refuses NumPy's
        if input_form is not None:
            checks.check_choice("input_form", input_form, tensors.INPUT_FORMS)
        self.max_sequence_length = max_sequence_length
        self.input_form = input_form
        # Set for a layer saved by a version that took keras.Input((1,)) for texts.
        self.takes_columns_for_texts = False
        self.supports_jit = False  # strings never compile
        self._has_warned = False

    @property
    def compute_dtype(self) -> str:
        """The dtype of the inputs: a Sequential model without `Input` needs it."""
        return "string"

    @property
    def variable_dtype(self) -> str:
        """The same, or Keras would believe that the policy is a mixed one."""
        return "string"

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        is_symbolic = isinstance(inputs, keras.KerasTensor)
        graph = tf.compat.v1.get_default_graph()
        if control_flow_util.GraphOrParentsInXlaContext(graph):
            raise ValueError(
                "`ElmoEmbeddingLayer` reads strings, which XLA cannot compile\n"
                "hint: leave `jit_compile=True` out of the tf.function around it"
            )
        if not is_symbolic:
            keep_ragged = self.input_form != "texts"
            inputs = tensors.as_tensor(inputs, keep_ragged=keep_ragged)
            if inputs.dtype != tf.string and checks.builds_from_shapes():
                inputs = tf.strings.as_string(inputs)
        # Here, since Keras puts many lines around the errors of `call()`.
        checks.check_dtype(keras.backend.standardize_dtype(inputs.dtype))
        if is_symbolic and self.input_form is None and inputs.shape[1:] == (1,):
            if not self.takes_columns_for_texts:
                raise ValueError(
                    "keras.Input((1,)) may stand for one text a row or for one token "
                    'a row: say `input_form="texts"` or `input_form="tokens"`'
                )
            self.input_form = "texts"
        self.check_shape(inputs.shape)
        with bounds.in_one_line():
            return super().__call__(inputs, *args, **kwargs)

    def check_shape(self, shape: Any) -> None:
        """Refuses inputs of a shape that cannot be read."""
        tensors.check_form(shape, self.input_form)

    def tokens(self, inputs: tf.Tensor) -> tensors.Tokens:
        """Returns the tokens of a tensor, cut to `max_sequence_length`."""
        return tensors.as_tokens(inputs, self.max_sequence_length, self.input_form)

    def mask(self, inputs: Any) -> Any:
        """Returns bool `(batch, time)`, True where there is a token.

        Of a symbolic input it is symbolic: if a model's graph did not have it, it would
        be on the output alone, from which Keras's attention layers take it away.
        """
        self._warn_of_a_lost_mask()
        if isinstance(inputs, keras.KerasTensor):
            # Another name than any in a model that is read back, perhaps in parts.
            name = f"token_mask_{uuid.uuid4().hex[:12]}"
            mask = TokenMask(self.max_sequence_length, self.input_form, name)
            return mask(inputs)
        return self.tokens(tensors.as_tensor(inputs, keep_ragged=True)).mask()

    def _warn_of_a_lost_mask(self) -> None:
        """Warns once of layers that would take padding for tokens.

        Where Keras before 3.14 casts the input of a layer, it drops the mask.
        """
        policy, usual = self.dtype_policy, keras.config.dtype_policy()
        if self._has_warned or policy.compute_dtype == usual.compute_dtype:
            return
        self._has_warned = True
        if tuple(map(int, keras.version().split(".")[:2])) < _KEEPS_MASKS:
            _LOG.warning(
                "Keras %s drops the mask where a layer of %s follows one of %s, and "
                "takes padding for tokens: give the layers that follow "
                "`dtype=%r`, or set it for all by keras.config.set_dtype_policy",
                keras.version(),
                usual.compute_dtype,
                policy.compute_dtype,
                policy.name,
            )


@keras.saving.register_keras_serializable("keras_elmo")
class TokenMask(keras.Operation):
    """Says where there is a token: string inputs of a `StringLayer` to their mask.

    Args:
        max_sequence_length, input_form: Of that layer.
        name: Of the operation.
    """

    def __init__(
        self,
        max_sequence_length: int | None = None,
        input_form: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.max_sequence_length = max_sequence_length
        self.input_form = input_form

    def call(self, inputs: Any) -> tf.Tensor:
        """Returns bool `(batch, time)`."""
        return tensors.as_tokens(
            inputs, self.max_sequence_length, self.input_form
        ).mask()

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Returns what `call` gives for symbolic inputs."""
        is_tokens = len(inputs.shape) == 2 and self.input_form != "texts"
        time = inputs.shape[1] if is_tokens else None
        shape = (inputs.shape[0], self.max_sequence_length or time)
        return keras.KerasTensor(shape, "bool")


def warn_of_replicas() -> None:
    """Warns of a model that is made inside of a strategy's scope."""
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        _LOG.warning(
            "A Keras model of strings that is made inside of strategy.scope() "
            "cannot fit() on several replicas: make its layers inside, and the "
            "model itself outside"
        )
