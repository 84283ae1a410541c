"""What a column's type says before any of its values is read."""

from __future__ import annotations

import contextlib

import pyarrow as pa

from components.text_example_gen.reading.records import MAX_DEPTH


def levels(kind: pa.DataType, above: int = 0) -> int:
    """Returns how deep a type is nested; beyond `MAX_DEPTH` it does not look."""
    if above > MAX_DEPTH or not pa.types.is_nested(kind):
        return above
    return max((levels(each, above + 1) for each in _inner(kind)), default=above + 1)


def has_fixed_lists(kind: pa.DataType) -> bool:
    """Returns whether a type, no deeper than `MAX_DEPTH`, has lists of one length."""
    if pa.types.is_fixed_size_list(kind):
        return True
    return pa.types.is_nested(kind) and any(map(has_fixed_lists, _inner(kind)))


def _inner(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_map(kind):
        return [kind.key_type, kind.item_type]
    if pa.types.is_struct(kind):
        return [kind[place].type for place in range(kind.num_fields)]
    return [kind.value_type]


class _ProgramType(pa.ExtensionType):
    """Stands for the type of which older versions of pyarrow run what a file holds.

    Reading a schema is enough for that (CVE-2023-47248).
    """

    NAME = "arrow.py_extension_type"

    def __init__(self) -> None:
        super().__init__(pa.null(), self.NAME)

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(
        cls, storage_type: pa.DataType, serialized: bytes
    ) -> pa.ExtensionType:
        raise pa.ArrowInvalid("it has a column whose type is a program")


with contextlib.suppress(pa.ArrowException):  # newer versions do not have it
    pa.unregister_extension_type(_ProgramType.NAME)
    pa.register_extension_type(_ProgramType())
