"""Tokens in, outputs out: the forms of both, and what leads from one to the other.

Inside, a batch is packed: its tokens lie one after the other, without padding.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_elmo.runtime.bounds import bounded_lengths

MIXED = ("elmo", "default")
OUTPUTS = ("elmo", "word_emb", "lstm_outputs1", "lstm_outputs2", "layers", "default")
INPUT_FORMS = ("texts", "tokens")


class Tokens(NamedTuple):
    """The tokens of a batch, packed."""

    words: tf.Tensor  # string (tokens,), row after row
    lengths: tf.Tensor  # int32 (batch,), the tokens of each row
    starts: tf.Tensor  # int32 (batch,), the time of each row's first token
    time: tf.Tensor | int  # of the outputs

    def mask(self) -> tf.Tensor:
        """Returns bool `(batch, time)`: True where there is a token.

        It is also True at the first step of a row without tokens, whose vector is
        zero: the mean over no step at all would be NaN, and so would a whole training.
        """
        steps = tf.maximum(self.lengths, 1)
        before_end = tf.sequence_mask(self.starts + steps, self.time)
        return before_end & ~tf.sequence_mask(self.starts, self.time)


def as_tensor(inputs: Any, *, keep_ragged: bool = False) -> tf.Tensor:
    """Returns a dense tensor of lists, nested lists, arrays or a RaggedTensor.

    Rows of tokens may be lists, NumPy's arrays or tensors, in a list, an array of
    objects or a column of pandas or pyarrow.

    Args:
        inputs: What holds the strings.
        keep_ragged: Whether rows of tokens of different lengths come back as a
            RaggedTensor, which takes no memory for padding.

    Raises:
        ValueError: For anything but strings among strings (it names the row), or for
            lists of both texts and lists.
    """
    inputs = _with_lists(inputs)
    _refuse_masked(inputs)
    try:
        if isinstance(inputs, (list, tuple)):
            inputs = _of_lists(inputs)
        if isinstance(inputs, tf.RaggedTensor):
            if keep_ragged and inputs.dtype == tf.string and inputs.shape.rank == 2:
                return inputs
            return inputs.to_tensor("" if inputs.dtype == tf.string else None)
        return tf.convert_to_tensor(inputs)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            "`ElmoEmbeddingLayer` takes texts or lists of tokens, all of them strings. "
            f"Received: {_no_string(inputs) or error}"
        ) from error


def as_tokens(
    inputs: tf.Tensor, max_tokens: int | None, form: str | None = None
) -> Tokens:
    """Returns the tokens of a batch, cut at their end.

    Args:
        inputs: string: tokens `(batch, time)`, dense or ragged, or texts `(batch,)`,
            which are split as google/elmo splits them: at spaces. `""` before the
            first and after the last token of a row is padding.
        max_tokens: Where to cut, and the time of the outputs; None for as many as
            there are columns, or tokens in the longest text, up to a bound, but at
            least 1.
        form: `texts` if the inputs are texts, `(batch,)` or `(batch, 1)`; `tokens`
            if they are tokens; None if their rank says it.

    Raises:
        ValueError: For inputs of any other shape.
    """
    check_form(inputs.shape, form)
    if form == "texts" and inputs.shape.rank == 2:
        inputs = as_tensor(inputs)
        tf.debugging.assert_equal(tf.shape(inputs)[1], 1, _one_column(form))
        inputs = inputs[:, 0]
    if inputs.shape.rank == 1:
        return _tokens_of_texts(inputs, max_tokens)
    if isinstance(inputs, tf.RaggedTensor):
        columns = tf.cast(inputs.bounding_shape()[1], tf.int32)
        items, batch = inputs.flat_values, tf.cast(inputs.nrows(), tf.int32)
        in_row = tf.cast(inputs.row_lengths(), tf.int32)
    else:
        batch, columns = tf.unstack(tf.shape(inputs))
        items, in_row = tf.reshape(inputs, [-1]), tf.fill([batch], columns)
    position, rows = numbers(in_row)
    is_word = items != ""
    starts = tf.math.unsorted_segment_min(
        tf.where(is_word, position, columns), rows, batch
    )
    if max_tokens is not None:
        is_word &= position - tf.gather(starts, rows) < max_tokens
    ends = tf.math.unsorted_segment_max(tf.where(is_word, position + 1, 0), rows, batch)
    ends = tf.maximum(ends, 0)  # of a row without items, too
    starts = tf.minimum(starts, ends)  # 0 in a row without tokens
    lengths, time = ends - starts, max_tokens
    if max_tokens is None:
        lengths = bounded_lengths(lengths)
        time = tf.maximum(columns, 1)
    real = (position >= tf.gather(starts, rows)) & (position < tf.gather(ends, rows))
    words = tf.boolean_mask(items, real)
    # A row padded at its start stays so in the columns that there are.
    return Tokens(words, lengths, tf.minimum(starts, time - lengths), time)


def _tokens_of_texts(texts: tf.Tensor, max_tokens: int | None) -> Tokens:
    split = tf.strings.split(texts, " ")
    is_word = split.flat_values != ""
    words = tf.boolean_mask(split.flat_values, is_word)
    rows = tf.cast(tf.boolean_mask(split.value_rowids(), is_word), tf.int32)
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, tf.size(texts))
    if max_tokens is None:
        lengths = bounded_lengths(lengths)
    else:
        words = tf.boolean_mask(words, numbers(lengths)[0] < max_tokens)
        lengths = tf.minimum(lengths, max_tokens)
    longest = tf.reduce_max(tf.pad(lengths, [[1, 0]], constant_values=1))
    time = longest if max_tokens is None else max_tokens
    return Tokens(words, lengths, tf.zeros_like(lengths), time)


def numbers(lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers packed items, of which row r has `lengths[r]`.

    `tf.repeat`, `tf.sequence_mask` and the masks of ragged tensors would take memory
    for rows that are all as long as the longest.

    Args:
        lengths: `(rows,)` int32.

    Returns:
        Of each item its number in its row, and its row; both int32 `(items,)`.
    """
    ends = tf.cumsum(lengths)
    items = tf.range(tf.reduce_sum(lengths))
    rows = tf.searchsorted(ends, items, side="right")
    return items - tf.gather(ends - lengths, rows), rows


def check_form(shape: Any, form: str | None) -> None:
    """Refuses what are neither tokens nor texts.

    Args:
        shape: A tensor's shape, as far as it is known.
        form: As for `as_tokens`.

    Raises:
        ValueError: For a rank other than 1 and 2, or one that `form` rules out.
    """
    if isinstance(shape, tf.TensorShape) and shape.rank is None:
        raise ValueError(
            "`ElmoEmbeddingLayer` takes tokens (batch, time) or texts (batch,). "
            "Received: inputs whose rank is not known"
        )
    if len(shape) not in (1, 2):
        raise ValueError(
            "`ElmoEmbeddingLayer` takes tokens (batch, time) or texts (batch,). "
            f"Received: inputs of shape {tuple(shape)}"
        )
    if form == "tokens" and len(shape) == 1:
        raise ValueError(
            f'`input_form="{form}"` takes tokens (batch, time). '
            f"Received: inputs of shape {tuple(shape)}"
        )
    if form == "texts" and len(shape) == 2 and shape[1] not in (1, None):
        raise ValueError(f"{_one_column(form)}. Received: shape {tuple(shape)}")


def _one_column(form: str) -> str:
    return f'`input_form="{form}"` takes texts (batch,) or (batch, 1)'


def _with_lists(inputs: Any) -> Any:
    """Returns a list of lists where there are rows in another form; else the inputs."""
    rows = inputs
    if hasattr(inputs, "to_pylist"):
        rows = inputs.to_pylist()
    elif hasattr(inputs, "to_numpy"):
        # pandas makes no array of a column of lists in Arrow's type.
        is_arrow = type(getattr(inputs, "dtype", None)).__name__ == "ArrowDtype"
        rows = inputs.tolist() if is_arrow else inputs.to_numpy()
    is_array = isinstance(rows, np.ndarray) and rows.dtype == object and rows.ndim == 1
    if not is_array and not isinstance(rows, (list, tuple)):
        return inputs
    if not any(isinstance(row, (list, tuple)) or _is_array(row) for row in rows):
        return inputs
    return [_as_list(row) if _is_array(row) else row for row in rows]


def _as_list(row: Any) -> Any:
    # Of masked entries NumPy would show what is below them.
    return row if np.ma.is_masked(row) else np.asarray(row).tolist()


def _is_array(row: Any) -> bool:
    if isinstance(row, np.ndarray):
        return True
    # A tensor of a graph has no values yet.
    return isinstance(row, tf.Tensor) and hasattr(row, "numpy") and row.shape.rank != 0


def _of_lists(inputs: Any) -> tf.Tensor | tf.RaggedTensor:
    # Where nothing shows the dtype, TensorFlow would take float.
    dtype = None if _has_items(inputs) else tf.string
    if any(isinstance(item, (list, tuple)) for item in inputs):
        return tf.ragged.constant(inputs, dtype)
    return tf.convert_to_tensor(inputs, dtype)


def _has_items(inputs: Any) -> bool:
    """Whether there is anything in nested lists but lists."""
    if not isinstance(inputs, (list, tuple)):
        return True
    return any(_has_items(item) for item in inputs)


def _refuse_masked(inputs: Any) -> None:
    """Refuses NumPy's masked entries, of which TensorFlow reads what is below them."""
    if not isinstance(inputs, (list, tuple, np.ma.MaskedArray)):
        return
    for number, row in enumerate(inputs):
        if row is np.ma.masked or np.ma.is_masked(row):
            raise ValueError(
                "`ElmoEmbeddingLayer` takes no masked entries. Received: one in row "
                f'{number}, counted from 0\nhint: `.filled("")` makes padding of them'
            )


def _no_string(inputs: Any) -> str | None:
    """Names the first item that is no string in UTF-8; None if there is none such."""
    rows: Iterable[Any] = inputs
    if not isinstance(inputs, (list, tuple)):
        rows = np.asarray(inputs, object)
        rows = np.atleast_1d(rows)
    for number, row in enumerate(rows):
        for item in row if isinstance(row, (list, tuple, np.ndarray)) else [row]:
            is_right = isinstance(item, (str, bytes, list, tuple, np.ndarray))
            if not is_right or (isinstance(item, str) and not _is_utf8(item)):
                shown = " ".join(reprlib.repr(item).split())  # a column has lines
                return f"{shown} in row {number}, counted from 0"
    return None


def _is_utf8(text: str) -> bool:
    """Whether a text can be: half of a pair of surrogates cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def lstm_layers_read(output: str, num_layers: int) -> int:
    """Returns how many of the LSTM layers an output depends on, the lowest first.

    Args:
        output: One of `OUTPUTS`.
        num_layers: Layers of the biLM, the token encoder counted as the first.
    """
    if output == "word_emb":
        return 0
    if output.startswith("lstm_outputs"):
        return int(output.removeprefix("lstm_outputs"))
    return num_layers - 1


def select(layers: Sequence[tf.Tensor], output: str) -> tf.Tensor:
    """Returns the output that needs no mix: of `layers`, each `(tokens, dim)`."""
    if output == "layers":
        return tf.stack(layers, axis=1)  # (tokens, layers, dim)
    if output == "word_emb":
        return layers[0][:, : layers[0].shape[-1] // 2]  # its two halves are alike
    return layers[int(output.removeprefix("lstm_outputs"))]


def unpack(
    x: tf.Tensor, places: tf.Tensor, tokens: Tokens, max_tokens: int | None
) -> tf.Tensor:
    """Puts packed vectors where their tokens stand, zeros elsewhere.

    Args:
        x: `(tokens, ..., dim)`.
        places: int32 `(tokens, 2)`: of each the row, and the number in its row.
        tokens: The batch.
        max_tokens: Time of the result; None for that of `tokens`.

    Returns:
        `(batch, time, dim)`, or `(batch, layers, time, dim)` for `x` of rank 3.
    """
    rows = places[:, 0]
    times = places[:, 1] + tf.gather(tokens.starts, rows)
    shape = tf.stack([tf.size(tokens.lengths), tokens.time, *x.shape[1:]])
    padded = tf.scatter_nd(tf.stack([rows, times], axis=1), x, shape)
    padded = tf.ensure_shape(padded, [None, max_tokens, *x.shape[1:]])
    return padded if x.shape.rank == 2 else tf.transpose(padded, [0, 2, 1, 3])


def mean(x: tf.Tensor, places: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Returns the mean of each row's vectors, without a tensor that is padded.

    Args:
        x: `(tokens, dim)`.
        places: int32 `(tokens, 2)`: of each the row, and the number in its row.
        lengths: int32 `(batch,)`, the tokens of each row.

    Returns:
        `(batch, dim)`; zero for a row without tokens.
    """
    dtype = tf.float32 if x.dtype.size < 4 else x.dtype  # a long sum needs the room
    sums = tf.math.unsorted_segment_sum(
        tf.cast(x, dtype), places[:, 0], tf.size(lengths)
    )
    count = tf.cast(tf.maximum(lengths, 1), dtype)
    return tf.cast(sums / count[:, None], x.dtype)


def output_shape(
    input_shape: Sequence[int | None],
    *,
    output: str,
    form: str | None,
    max_tokens: int | None,
    num_layers: int,
    dim: int,
) -> tuple[int | None, ...]:
    """Returns the static shape of one output tensor."""
    batch = input_shape[0]
    is_text = len(input_shape) == 1 or form == "texts"
    columns = None if is_text else input_shape[1]
    time = max_tokens or (columns if columns is None else max(columns, 1))
    if output == "default":
        return (batch, dim)
    if output == "layers":
        return (batch, num_layers, time, dim)
    return (batch, time, dim // 2 if output == "word_emb" else dim)
