"""What a pickle of torch.save says of tensors, without unpickling it.

A pickle is a program, which may call whatever it names. Here its few opcodes that
describe tensors are read by a machine of our own: what is named is looked up in one
fixed table, whose entries make nothing but records of this module. All else is refused.
"""

from __future__ import annotations

import dataclasses
import io
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Shape = tuple[int, ...]

_MOST_OPCODES = 500_000  # a state of 1,000 tensors takes 40,000
# Of characters, and of items that count as many: what is called may be given the same
# long text or list again and again.
_MOST_WORK = 1 << 28
_WORK_OF_ITEM = 64
_MOST_AXES = 32  # NumPy's
_MOST_NUMBERS = 1 << 63


@dataclasses.dataclass(frozen=True)
class Storage:
    """Where a tensor's values lie: a run of numbers with a key."""

    dtype: np.dtype
    key: str
    numel: int


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A view into a storage, as torch describes it; strides count numbers."""

    storage: Storage
    offset: int
    shape: Shape
    strides: Shape


class Array:
    """An array of NumPy, which lies in the pickle itself."""

    value: np.ndarray = np.zeros(0)
    is_set = False


class _DType:
    """The type of such an array's values."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="


class Machine:
    """Reads pickles, one after the other, of what may be in a file of torch.save.

    Args:
        data: Begins with the pickles; what comes after them is not read.
    """

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.storages: dict[str, Storage] = {}
        self._left = _MOST_OPCODES
        self._work_left = _MOST_WORK

    @property
    def position(self) -> int:
        """Where the last pickle ended."""
        return self._file.tell()

    def run(self) -> Any:
        """Returns what the next pickle describes.

        Raises:
            ValueError: It holds anything that is not known here.
        """
        stack: list[Any] = []
        marks: list[int] = []
        memo: dict[int, Any] = {}

        def to_mark() -> list[Any]:
            start = marks.pop()
            items = stack[start:]
            del stack[start:]
            return items

        argument: Any
        for opcode, argument, _ in pickletools.genops(self._file):
            self._left -= 1
            if not self._left:
                raise ValueError(f"its pickle has more than {_MOST_OPCODES:,} opcodes")
            name = opcode.name
            if name in _VALUES:
                stack.append(argument)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name]())
            elif name in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif name == "GLOBAL":
                stack.append(_global(argument))
            elif name == "MARK":
                marks.append(len(stack))
            elif name == "TUPLE":
                stack.append(tuple(to_mark()))
            elif name in _TUPLES:
                items = [stack.pop() for _ in range(_TUPLES[name])]
                stack.append(tuple(reversed(items)))
            elif name == "APPEND":
                item = stack.pop()
                _as(list, stack[-1]).append(item)
            elif name == "APPENDS":
                items = to_mark()
                _as(list, stack[-1]).extend(items)
            elif name in ("SETITEM", "SETITEMS"):
                items = to_mark() if name == "SETITEMS" else _pop_two(stack)
                _set_items(_as(dict, stack[-1]), items)
            elif name == "BINPERSID":
                stack.append(self._storage(stack.pop()))
            elif name == "REDUCE":
                function, arguments = _pop_two(stack)
                self._work_on(_as(tuple, arguments))
                stack.append(_call(function, arguments))
            elif name == "BUILD":
                state = stack.pop()
                self._work_on(state)
                _build(stack[-1], state)
            elif name == "STOP":
                return stack.pop()
            elif name != "PROTO":
                raise ValueError(f"its pickle holds {name}, which no tensor needs")
        raise ValueError("its pickle has no end")

    def _work_on(self, arguments: Any) -> None:
        """Counts what it takes to read some arguments; refuses too much of it."""
        for value in arguments if type(arguments) is tuple else ():
            if isinstance(value, str | bytes):
                self._work_left -= len(value)
            elif isinstance(value, tuple | list | dict):
                self._work_left -= _WORK_OF_ITEM * len(value)
        if self._work_left < 0:
            raise ValueError("its pickle has the same read again and again")

    def _storage(self, identity: Any) -> Storage:
        kind, dtype, key, _, numel, *view = _as(tuple, identity)
        if kind != "storage" or not isinstance(dtype, np.dtype) or any(view):
            raise ValueError("its pickle names something that is no storage")
        if not 0 <= _as(int, numel) < _MOST_NUMBERS:
            raise ValueError("a storage has a size that none can have")
        storage = Storage(dtype, _as(str, key), numel)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError("two storages have one key")
        return storage


# Opcodes that hold a value, and those that stand for one.
_VALUES = (
    *("BINUNICODE", "SHORT_BINSTRING", "BINSTRING", "BININT", "BININT1", "BININT2"),
    *("LONG1", "BINFLOAT"),
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _pop_two(stack: list[Any]) -> list[Any]:
    last = stack.pop()
    return [stack.pop(), last]


def _as(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(
            f"its pickle holds {type(value).__name__}, where {kind.__name__} belongs"
        )
    return value


def _set_items(target: dict[str, Any], items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[_as(str, key)] = value


def _ordered_dict(*arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for pairs in arguments:
        for pair in _as(list, pairs):
            key, value = pair
            made[_as(str, key)] = value
    return made


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    shape, strides = _as(tuple, shape), _as(tuple, strides)
    if not len(shape) == len(strides) <= _MOST_AXES or not all(
        type(number) is int and 0 <= number < _MOST_NUMBERS
        for number in (offset, *shape, *strides)
    ):
        raise ValueError("a tensor has a shape that none can have")
    return Tensor(_as(Storage, storage), offset, shape, strides)


def _encode(text: Any, encoding: Any) -> bytes:
    if _as(str, encoding) != "latin1":
        raise ValueError("its pickle holds text in another encoding than latin1")
    return _as(str, text).encode("latin1")


def _build(target: Any, state: Any) -> None:
    """Sets what a record was made for; a dictionary of tensors may have notes."""
    if isinstance(target, Array):
        _, shape, dtype, is_transposed, data = _as(tuple, state)
        target.value = _array(shape, dtype, is_transposed, data)
        target.is_set = True
    elif isinstance(target, _DType):
        target.order = _as(tuple, state)[1]
    elif type(target) is not dict:
        raise ValueError(f"its pickle sets the state of {type(target).__name__}")


def _array(shape: Any, dtype: Any, is_transposed: Any, data: Any) -> np.ndarray:
    if isinstance(data, str):  # written by Python 2
        data = data.encode("latin1")
    code, order = _as(_DType, dtype).code, dtype.order
    if code not in ("f2", "f4", "f8") or order not in ("<", "="):
        raise ValueError("an array is not of little-endian floats")
    shape = tuple(_as(int, size) for size in _as(tuple, shape))
    values = np.frombuffer(_as(bytes, data), f"<{code}")
    return values.reshape(shape, order="F" if is_transposed else "C")


def _first(value: Any, *_: Any) -> Any:
    return value


# All that a pickle may name, and what it makes here.
_GLOBALS: dict[str, Any] = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _first,
    **{
        f"{place} {name}Storage": np.dtype(code)
        # Those of a tensor that was saved from a GPU; where it lay says nothing here.
        for place in ("torch", "torch.cuda")
        for name, code in (
            *(("Float", "<f4"), ("Double", "<f8"), ("Half", "<f2")),
            *(("Long", "<i8"), ("Int", "<i4"), ("Short", "<i2"), ("Char", "i1")),
            *(("Byte", "u1"), ("Bool", "?")),
        )
    },
    "numpy ndarray": "ndarray",
    "numpy dtype": lambda code, *_: _DType(_as(str, code)),
    "numpy.core.multiarray _reconstruct": lambda *_: Array(),
    "numpy._core.multiarray _reconstruct": lambda *_: Array(),
    "_codecs encode": _encode,
}


# Other types that torch has, such as BFloat16.
_STORAGE = re.compile(r"torch(?:\.cuda)? (\w{1,40})Storage")


def _global(name: str) -> Any:
    if name not in _GLOBALS:
        other = _STORAGE.fullmatch(name)
        if other is not None:
            raise ValueError(
                f"it has numbers of the type {other[1]}, which is not read here: save "
                "it with tensors of float32"
            )
        raise ValueError(f"its pickle names {name}, which is no part of a tensor")
    return _GLOBALS[name]


def _call(function: Any, arguments: tuple[Any, ...]) -> Any:
    if not callable(function) or isinstance(function, np.dtype):
        raise ValueError("its pickle calls what is no part of a tensor")
    return function(*arguments)
