"""Values of Arrow arrays as Python's: how large they are, and what cannot be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.text_example_gen.reading.records import (
    distinct_names,
    new_names,
    replace_invalid,
)
from components.text_example_gen.values import iso_duration

_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
_LEAST = -(2**63)
_LEAST_TIME = "1677-09-21T00:12:43.145224192"  # so many nanoseconds from 1970
_VALUE_CHARS = 4  # a number with its comma, roughly

# What pyarrow raises if a value has no form in Python: bytes that are not UTF-8, a day
# after the year 9999, a time zone that is not known, a name twice in a structure.
NO_VALUE = (ValueError, OverflowError, LookupError, OSError, pa.ArrowException)


def text_sizes(array: pa.Array) -> np.ndarray:
    """Returns how many characters each value has as text, roughly: `(rows,)` int64.

    It copies no value, and takes memory for numbers alone.

    Raises:
        pa.ArrowInvalid: A value is said to be one that its dictionary does not have.
    """
    kind, types = array.type, pa.types
    if isinstance(array, pa.ExtensionArray):
        return text_sizes(array.storage)
    if types.is_dictionary(kind):
        is_there = _numpy(array.is_valid())
        places = np.where(is_there, _numpy(array.indices), 0)
        known = len(array.dictionary)
        if is_there.any() and not 0 <= places.min() <= places.max() < known:
            raise pa.ArrowInvalid(f"a value is none of the {known:,} of its dictionary")
        sizes = np.append(text_sizes(array.dictionary), 0)  # one, if there is none
        return np.where(is_there, sizes[places], 0)
    if types.is_string(kind) or types.is_large_string(kind):
        return _numpy(pc.utf8_length(array)).astype("int64")
    if types.is_binary(kind) or types.is_large_binary(kind):
        return _numpy(pc.binary_length(array)).astype("int64")
    if types.is_fixed_size_binary(kind):
        return np.full(len(array), kind.byte_width, "int64")
    if types.is_fixed_size_list(kind):
        inner = text_sizes(array.values).reshape(-1, kind.list_size).sum(axis=1)
        return inner[array.offset : array.offset + len(array)]
    if types.is_map(kind):
        # Not `keys` and `items`, which need not be of one length.
        pairs = array.values
        return _sums(array, text_sizes(pairs.field(0)) + text_sizes(pairs.field(1)))
    if types.is_list(kind) or types.is_large_list(kind):
        return _sums(array, text_sizes(array.values))
    sizes = np.full(len(array), _VALUE_CHARS, "int64")
    if types.is_struct(kind):
        for place in range(kind.num_fields):
            sizes += text_sizes(array.field(place))
    return sizes


def _sums(array: pa.ListArray, sizes: np.ndarray) -> np.ndarray:
    """Returns the sum of the sizes that belong to each list."""
    until = np.concatenate([[0], np.cumsum(sizes, dtype="int64")])
    ends = until[_numpy(array.offsets)]
    return ends[1:] - ends[:-1] + _VALUE_CHARS


def _numpy(array: pa.Array) -> np.ndarray:
    filled = array if not array.null_count else array.fill_null(0)
    return filled.to_numpy(zero_copy_only=False)


def has_nanoseconds(kind: pa.DataType) -> bool:
    """Returns whether a type has times of day finer than Python's microseconds."""
    if kind == pa.time64("ns"):
        return True
    if pa.types.is_dictionary(kind):
        return has_nanoseconds(kind.value_type)
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return any(map(has_nanoseconds, inner))


def has_least(array: pa.Array) -> bool:
    """Returns whether a time or duration in nanoseconds is the least there is.

    For pandas, by which pyarrow makes Python's values of these, it means "no time".
    """
    kind, types = array.type, pa.types
    if types.is_dictionary(kind):
        return has_least(array.dictionary)
    if types.is_struct(kind):
        return any(has_least(array.field(place)) for place in range(kind.num_fields))
    of_lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    if types.is_map(kind) or any(is_kind(kind) for is_kind in of_lists):
        return has_least(array.values)
    if not (types.is_timestamp(kind) or types.is_duration(kind)) or kind.unit != "ns":
        return False
    return bool(pc.min(array.view(pa.int64())).as_py() == _LEAST)


def whole_values(array: pa.Array) -> list[Any]:
    """Returns the values as pyarrow makes them.

    Raises:
        ValueError: Python's would have less than they have.
        Exception: One of `NO_VALUE`: Python has no such value.
    """
    if has_nanoseconds(array.type):
        raise ValueError("times of day have nanoseconds")
    if has_least(array):
        raise ValueError("pandas would take a time for none")
    return _with_few_digits(array.to_pylist(), array.type)


def _with_few_digits(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Returns floats of 32 bits with the shortest digits that mean the same number.

    So 0.1 is not 0.10000000149011612. In lists and structures they stay as they are.
    """
    if kind != pa.float32():
        return values
    return [None if v is None else float(str(np.float32(v))) for v in values]


class Mender:
    """Turns values into Python's, also those of which pyarrow says that they are none.

    Bytes that are not UTF-8 become U+FFFD. A time in a zone that is not known is the
    same time in UTC. A day or time that Python does not have is text. Names that a
    structure has twice become distinct.

    Attributes:
        replaced_utf8: Whether there were such bytes.
    """

    def __init__(self) -> None:
        self.replaced_utf8 = False
        self._renamed: dict[str, None] = {}

    @property
    def renamed(self) -> tuple[str, ...]:
        """The new names, each once."""
        return tuple(self._renamed)

    def values(self, array: pa.Array) -> list[Any]:
        """Returns the values.

        Raises:
            ValueError: There is one that has no form in Python.
        """
        return _with_few_digits(self._values(array), array.type)

    def _values(self, array: pa.Array) -> list[Any]:
        mend = self._way(array.type)
        if mend is not None and (has_nanoseconds(array.type) or has_least(array)):
            return mend(array)
        try:
            return array.to_pylist()
        except NO_VALUE as error:
            if mend is None:
                raise ValueError(f"a {array.type} that cannot be read") from error
        return mend(array)

    def _way(self, kind: pa.DataType) -> Callable[[pa.Array], list[Any]] | None:
        types = pa.types
        if types.is_dictionary(kind):
            return lambda array: self._values(array.dictionary_decode())
        if types.is_string(kind) or types.is_large_string(kind):
            return self._texts
        if types.is_date(kind) or types.is_time(kind) or types.is_duration(kind):
            return _as_text
        if types.is_timestamp(kind):
            return _times
        if types.is_map(kind):
            return self._maps
        if types.is_list(kind) or types.is_large_list(kind):
            return self._lists
        if types.is_fixed_size_list(kind):
            return self._lists
        return self._structures if types.is_struct(kind) else None

    def _texts(self, array: pa.Array) -> list[Any]:
        texts: list[str | None] = []
        for data in array.cast(pa.large_binary()).to_pylist():
            if data is None:
                texts.append(None)
                continue
            text, is_replaced = replace_invalid(data.decode("utf-8", "surrogateescape"))
            self.replaced_utf8 |= is_replaced
            texts.append(text)
        return texts

    def _lists(self, array: pa.Array) -> list[Any]:
        return [
            self._values(each.values) if each.is_valid else None
            for each in map(array.__getitem__, range(len(array)))
        ]

    def _maps(self, array: pa.Array) -> list[Any]:
        pairs: list[list[tuple[Any, Any]] | None] = []
        for each in map(array.__getitem__, range(len(array))):
            if not each.is_valid:
                pairs.append(None)
                continue
            inner = each.values
            keys, items = self._values(inner.field(0)), self._values(inner.field(1))
            pairs.append(list(zip(keys, items, strict=True)))
        return pairs

    def _structures(self, array: pa.Array) -> list[Any]:
        names = [field.name for field in array.type]
        distinct = distinct_names(names)
        self._renamed.update(dict.fromkeys(new_names(names, distinct)))
        columns = [self._values(array.field(i)) for i in range(array.type.num_fields)]
        rows = zip(*columns, strict=True) if columns else ((),) * len(array)
        return [
            dict(zip(distinct, row, strict=True)) if is_valid else None
            for row, is_valid in zip(rows, array.is_valid().to_pylist(), strict=True)
        ]


def _times(array: pa.Array) -> list[Any]:
    unit, zone = array.type.unit, array.type.tz
    in_utc = pa.timestamp(unit, None if zone is None else "UTC")
    suffix = "" if zone is None else "+00:00"
    times: list[Any] = []
    for number in array.view(pa.int64()).to_pylist():
        try:
            value = pa.array([number], pa.int64()).view(in_utc).to_pylist()[0]
        except NO_VALUE:
            value = f"{np.datetime64(number, unit)}{suffix}"
        if number == _LEAST:  # neither pandas nor NumPy has it
            in_ns = f"{_LEAST_TIME}{suffix}"
            value = in_ns if unit == "ns" else f"{number} {array.type}"
        times.append(value)
    return times


def _as_text(array: pa.Array) -> list[Any]:
    """Returns days, times of day and durations, odd ones as ISO 8601."""
    kind = array.type
    is_short = kind.bit_width == 32
    numbers = array.view(pa.int32() if is_short else pa.int64()).to_pylist()
    values: list[Any] = []
    for place, number in enumerate(numbers):
        try:
            if number == _LEAST and pa.types.is_duration(kind):
                raise ValueError("pandas would take it for none")
            value = array.slice(place, 1).to_pylist()[0]
        except NO_VALUE:
            if pa.types.is_date(kind) and number != _LEAST:
                value = str(np.datetime64(number, "D" if is_short else "ms"))
            elif pa.types.is_duration(kind):
                value = iso_duration(number * _NANOSECONDS[kind.unit])
            else:
                value = f"{number} {kind}"
        if value is not None and has_nanoseconds(kind) and number % 1000:
            value = f"{value.isoformat('microseconds')}{number % 1000:03}"
        values.append(value)
    return values
