"""How much memory a part of a Parquet file takes, told by its pages before any is read.

A page says how many bytes it has when it is unpacked, and how many values. Both can be
a million times its size on disk, so pyarrow, which unpacks whole pages, is asked only
for what is known to fit. Page headers are structs in Thrift's compact protocol.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import pyarrow.parquet as pq

# Fields of the struct PageHeader, and of the structs in it.
_TYPE, _UNPACKED, _PACKED = 1, 2, 3
_OF_PAGE = {0: 5, 2: 7, 3: 8}  # field by type: data page, dictionary, data page v2
_DICTIONARY = 2
_NUM_VALUES = 1
# Types of Thrift's compact protocol.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY = 1, 2, 3, 7, 8
_INTEGERS = {4: 16, 5: 32, 6: 64}  # bits by type
_LISTS = (9, 10)
_MAP, _STRUCT = 11, 12
_MOST_VARINT_BYTES = 10
_MOST_STRING_BYTES = 2**31
_MOST_LEVELS = 8  # a page header has three
_MOST_VALUES = 10_000  # of a page header; it has some twenty


class ChunkSize(NamedTuple):
    """Sizes of one column in one row group, unpacked.

    Args:
        values: Number of values, missing ones included.
        data_bytes: All its data pages together.
        dictionary_bytes: The dictionary page; 0 without one.
        page_bytes: The largest page.
        bomb_bytes: The largest of those pages that are far smaller on disk; 0 if none.
    """

    values: int
    data_bytes: int
    dictionary_bytes: int
    page_bytes: int
    bomb_bytes: int


def chunk_size(
    stream: BinaryIO, chunk: pq.ColumnChunkMetaData, most_packing: int
) -> ChunkSize:
    """Returns the sizes of a column chunk, read from the headers of its pages.

    Args:
        stream: The file; its position changes.
        chunk: Says where the chunk is.
        most_packing: A page more than so many times larger than on disk is a bomb.

    Raises:
        EOFError: There is no such header where one should be, what it tells does not
            fit into the chunk, or the pages have fewer values than the chunk.
    """
    place = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < place:
        place = chunk.dictionary_page_offset
    end = place + chunk.total_compressed_size
    if not 0 <= place <= end <= stream.seek(0, io.SEEK_END):
        raise EOFError("a column does not lie in the file")
    values = data = dictionary = largest = bomb = 0
    while values < chunk.num_values and place < end:
        stream.seek(place)
        header = _read_struct(stream, 0, iter(range(_MOST_VALUES)))
        page, unpacked, packed = (
            _size(header.get(field)) for field in (_TYPE, _UNPACKED, _PACKED)
        )
        if page is None or unpacked is None or packed is None:
            raise EOFError(f"there is no page at byte {place}")
        place = stream.tell() + packed
        # pyarrow would make room for all of it before it reads.
        if place > end:
            raise EOFError("a page is larger than the column that it is in")
        largest = max(largest, unpacked)
        if unpacked > most_packing * packed:
            bomb = max(bomb, unpacked)
        if page == _DICTIONARY:
            dictionary = max(dictionary, unpacked)
            continue
        data += unpacked
        of_page = header.get(_OF_PAGE.get(page, 0))
        if isinstance(of_page, dict):
            values += _size(of_page.get(_NUM_VALUES)) or 0
    # pyarrow would go on reading the other columns, and end the process.
    if values < chunk.num_values:
        raise EOFError(
            f"the pages of column `{chunk.path_in_schema}` have {values:,} values of "
            f"{chunk.num_values:,}"
        )
    return ChunkSize(values, data, dictionary, largest, bomb)


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _read_struct(stream: BinaryIO, level: int, left: Iterator[int]) -> dict[int, Any]:
    """Returns the fields by their numbers; of strings and lists only the place.

    Args:
        stream: At the first field.
        level: How deep it is nested.
        left: Gives an item for each value that may still be read.
    """
    fields: dict[int, Any] = {}
    number = 0
    while head := _read(stream, 1)[0]:
        step, kind = head >> 4, head & 15
        number = number + step if step else _signed(stream)
        fields[number] = _read_value(stream, kind, level, left)
    return fields


def _read_value(stream: BinaryIO, kind: int, level: int, left: Iterator[int]) -> Any:
    if next(left, None) is None:
        raise EOFError("a page header has too many values")
    if level > _MOST_LEVELS:
        raise EOFError("a page header is nested too deeply")
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE
    if kind in _INTEGERS:
        value, bits = _signed(stream), _INTEGERS[kind]
        # pyarrow would take the low bits alone.
        if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise EOFError("a number in a page header is too large")
        return value
    if kind == _STRUCT:
        return _read_struct(stream, level + 1, left)
    if kind == _BINARY:
        length = _unsigned(stream)
        if length > _MOST_STRING_BYTES:
            raise EOFError("a page header has a string that is too long")
        stream.seek(length, io.SEEK_CUR)
    elif kind in (_BYTE, _DOUBLE):
        _read(stream, 1 if kind == _BYTE else 8)
    elif kind in _LISTS:
        head = _read(stream, 1)[0]
        number = _unsigned(stream) if head >> 4 == 15 else head >> 4
        _skip(stream, [head & 15], number, level, left)
    elif kind == _MAP:
        if number := _unsigned(stream):
            head = _read(stream, 1)[0]
            _skip(stream, [head >> 4, head & 15], number, level, left)
    else:
        raise EOFError("a page header is no Thrift")
    return None


def _skip(
    stream: BinaryIO, kinds: list[int], number: int, level: int, left: Iterator[int]
) -> None:
    for _ in range(number):
        for kind in kinds:
            # Only as the value of a field is a truth value in the type itself.
            is_bool = kind in (_TRUE, _FALSE)
            _read_value(stream, _BYTE if is_bool else kind, level + 1, left)


def _signed(stream: BinaryIO) -> int:
    value = _unsigned(stream)
    return (value >> 1) ^ -(value & 1)


def _unsigned(stream: BinaryIO) -> int:
    value = 0
    for place in range(_MOST_VARINT_BYTES):
        byte = _read(stream, 1)[0]
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value
    raise EOFError("a number in a page header is too long")


def _read(stream: BinaryIO, number: int) -> bytes:
    data = stream.read(number)
    if len(data) < number:
        raise EOFError("the file ends within a page header")
    return data
