"""Reads Parquet, some rows at a time, and no more of them than fit into memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.arrow_types import levels
from components.text_example_gen.reading.arrow_values import (
    NO_VALUE,
    Mender,
    text_sizes,
    whole_values,
)
from components.text_example_gen.reading.nested import outer_names, with_nested
from components.text_example_gen.reading.opening import is_unpacked
from components.text_example_gen.reading.parquet_batches import (
    check_row_counts,
    group_batches,
)
from components.text_example_gen.reading.parquet_pages import ChunkSize, chunk_size
from components.text_example_gen.reading.records import (
    MAX_DEPTH,
    MAX_RECORD_CHARS,
    Record,
    Reject,
    check_columns,
    distinct_names,
    is_reject,
    new_names,
    reject_at,
)

_BATCH_ROWS = (1024, 256, 64, 16, 4, 1)
# Each batch has all of a dictionary, which must not be read over and over.
_BATCH_ROWS_OF_DICTIONARIES = (2**16, 2**13, *_BATCH_ROWS)
_BATCH_BYTES = 64 * 2**20  # of a batch in Arrow's form, unless one row has more
_BUFFER_BYTES = 2**20
# A page, or the lists of a row group, beyond this and far larger than on disk, are
# refused. Pages of other writers reach 500 MiB, but hardly shrink to a twentieth.
_MOST_BYTES = 256 * 2**20
_MOST_PACKING = 20
_MOST_NESTED_PACKING = 64  # truth values in lists have 64 times the bits they need
_VALUE_BYTES = 8
_NOT_KNOWN = ("Not yet implemented", "that is not recognized")
_MOST_NESTED = 1000  # columns in structures that are known by name
_SHOWN_CHARS = 1000  # of a value that is too long


class _Leaf(NamedTuple):
    """A column of the file itself; a nested column has several.

    Args:
        place: Its number in the file.
        width: Bytes of a value of fixed length; 0 where values have lengths of their
            own.
        is_nested: Whether a row may have several values.
        is_dictionary: Whether pyarrow gives the numbers of its values and, once, the
            values: a category of pandas.
    """

    place: int
    width: int
    is_nested: bool
    is_dictionary: bool = False


def read_parquet(
    stream: BinaryIO, path: str, options: ReadOptions
) -> Iterator[Record | Reject]:
    """Reads one Parquet file by row groups; positions are row numbers from 1.

    A compressed file is unpacked to a temporary file on the local disk first.

    Raises:
        UnreadableFileError: It is damaged or not Parquet, a column is missing, or what
            has to be read at once is too large.
        EOFError: It is damaged.
    """
    with tempfile.TemporaryFile() as copy:
        source = stream
        if is_unpacked(stream):
            shutil.copyfileobj(stream, copy)
            source = copy  # type: ignore[assignment]
        try:
            yield from _read(source, path, options)
        # pyarrow decodes names of columns when they are asked for.
        except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
            if any(words in str(error) for words in _NOT_KNOWN):
                raise UnreadableFileError(
                    reasons.UNKNOWN_FORMAT,
                    f"{path} has a type or an encoding that pyarrow {pa.__version__}, "
                    f"which reads it, does not know: {error}\nhint: write it without "
                    "float16 and the like, in Parquet's format 1.0",
                ) from error
            if isinstance(error, OSError):  # whoever reads the file knows what it means
                raise
            raise UnreadableFileError(
                reasons.DAMAGED_FILE, f"{path} cannot be read as Parquet: {error}"
            ) from error


def _read(
    source: BinaryIO, path: str, options: ReadOptions
) -> Iterator[Record | Reject]:
    metadata = pq.ParquetFile(source).metadata
    check_row_counts(metadata)
    leaves = _leaves(metadata)
    # Texts in lists stay numbers of a dictionary: a row of ten bytes may repeat one of
    # a megabyte a million times.
    in_lists = [
        metadata.schema.column(leaf.place).path
        for leaf in leaves
        if leaf.is_nested and not leaf.width
    ]
    file = pq.ParquetFile(
        source,
        metadata=metadata,
        read_dictionary=in_lists,
        buffer_size=_BUFFER_BYTES,
        coerce_int96_timestamp_unit=_unit_of_old_times(metadata),
    )
    schema = file.schema_arrow
    names = list(schema.names)
    check_columns(path, [*names, *_nested_names(schema)], options)
    # By names in the file, by which pyarrow goes: it reads all columns of a name.
    columns: dict[str, list[str]] = {}
    for name, new in zip(names, distinct_names(names), strict=True):
        columns.setdefault(name, []).append(new)
    kept = wanted = None
    if not options.keep_all:
        wanted = outer_names(options.required, distinct_names(names))
        columns = {n: new for n, new in columns.items() if not wanted.isdisjoint(new)}
        kept = list(columns)
    fields = [f for f in schema if kept is None or f.name in kept]
    _check_depth(path, fields)
    has_nested = not set(options.required) <= set(distinct_names(names))
    position = 0
    for group in range(metadata.num_row_groups):
        rows = _batch_rows(source, path, metadata, group, _kept_leaves(file, kept))
        batches = group_batches(
            file, group, kept or [*columns], path=path, most_rows=rows
        )
        for batch in batches:
            for item in _rows(batch, path, position, columns, wanted):
                yield _with_nested(item, options) if has_nested else item
            position += len(batch)


def _unit_of_old_times(metadata: pq.FileMetaData) -> str:
    """Returns the unit in which times of the old form INT96 are read right.

    In nanoseconds only the years 1677 to 2262 have room, and elsewhere other times come
    of it. But of times before 1970 pyarrow itself writes what only reads so.
    """
    return "ns" if (metadata.created_by or "").startswith("parquet-cpp") else "us"


def _nested_names(schema: pa.Schema) -> list[str]:
    """Returns the names of the columns in structures that no other column has."""
    names: list[str] = []
    waiting = [(field.name, field.type) for field in schema]
    while waiting and len(names) < _MOST_NESTED:
        outer, kind = waiting.pop(0)
        if pa.types.is_struct(kind) and outer.count(".") < MAX_DEPTH:
            inner = [(f"{outer}.{field.name}", field.type) for field in kind]
            names += [name for name, _ in inner]
            waiting += inner
    return [name for name in names if name not in schema.names]


def _with_nested(item: Record | Reject, options: ReadOptions) -> Record | Reject:
    """Returns a record with the columns in structures that are needed."""
    if is_reject(item):
        return item
    record = cast(Record, item)
    columns = with_nested(record["columns"], options.required)
    if not options.keep_all:
        columns = {name: columns[name] for name in options.required if name in columns}
    record["columns"] = columns
    return record


def _leaves(metadata: pq.FileMetaData) -> list[_Leaf]:
    leaves = []
    for place in range(metadata.num_columns):
        column = metadata.schema.column(place)
        width = {"FIXED_LEN_BYTE_ARRAY": column.length, "BYTE_ARRAY": 0}.get(
            column.physical_type, _VALUE_BYTES
        )
        leaves.append(_Leaf(place, width, column.max_repetition_level > 0))
    return leaves


def _kept_leaves(file: pq.ParquetFile, kept: Sequence[str] | None) -> list[_Leaf]:
    """Returns those that pyarrow reads where it is asked for these columns."""
    kinds = {field.name: field.type for field in file.schema_arrow}
    leaves = []
    for leaf in _leaves(file.metadata):
        path = file.metadata.schema.column(leaf.place).path
        is_dictionary = path in kinds and pa.types.is_dictionary(kinds[path])
        if kept is None or any(
            path == name or path.startswith(f"{name}.") for name in kept
        ):
            leaves.append(leaf._replace(is_dictionary=is_dictionary))
    return leaves


def _check_depth(path: str, fields: Sequence[pa.Field]) -> None:
    for field in fields:
        if levels(field.type) > MAX_DEPTH:
            raise UnreadableFileError(
                reasons.TOO_LONG,
                f"{path}: column `{field.name}` has more than {MAX_DEPTH} levels of "
                "nesting",
            )


def _batch_rows(
    source: BinaryIO,
    path: str,
    metadata: pq.FileMetaData,
    group: int,
    leaves: Sequence[_Leaf],
) -> int:
    """Returns how many rows of a row group fit into memory together, whichever.

    Raises:
        UnreadableFileError: Not even one is sure to fit.
    """
    group_data = metadata.row_group(group)
    sizes = []
    at_once = 0  # bytes of all columns whose size pages or lists hide
    for leaf in leaves:
        chunk = group_data.column(leaf.place)
        size = chunk_size(source, chunk, _MOST_PACKING)
        nested = size.values * max(leaf.width, _VALUE_BYTES) if leaf.is_nested else 0
        if nested <= _MOST_NESTED_PACKING * chunk.total_compressed_size:
            nested = 0
        own = max(size.bomb_bytes, nested)
        at_once += own
        most = max(at_once, leaf.width)
        if most > _MOST_BYTES:
            until = "" if at_once == own else "columns up to "
            raise UnreadableFileError(
                reasons.TOO_LONG,
                f"{path}: {most:,} bytes of {until}column `{chunk.path_in_schema}` "
                f"have to be read at once, in row group {group + 1}; at most "
                f"{_MOST_BYTES:,} are\n"
                "hint: write the file with smaller pages, or without this column",
            )
        sizes.append((leaf, size))
    rows_in_group = max(1, group_data.num_rows)
    has_dictionary = any(leaf.is_dictionary for leaf in leaves)
    for rows in _BATCH_ROWS_OF_DICTIONARIES if has_dictionary else _BATCH_ROWS:
        total = sum(_batch_bytes(*each, rows, rows_in_group) for each in sizes)
        if total <= _BATCH_BYTES:
            return rows
    return 1


def _batch_bytes(leaf: _Leaf, size: ChunkSize, rows: int, rows_in_group: int) -> int:
    """Returns how many bytes so many rows have at most; in lists, usually.

    A dictionary that is given as one is in every batch, and does not count.
    """
    if leaf.is_dictionary:
        return rows * _VALUE_BYTES + min(size.data_bytes, rows * size.page_bytes)
    if leaf.is_nested:
        values = size.values * rows // rows_in_group
        return values * max(leaf.width, _VALUE_BYTES)
    if leaf.width:
        return rows * leaf.width
    # Each value is a part of a page. What stands in a dictionary may come often.
    return min(
        size.data_bytes + rows * size.dictionary_bytes,
        rows * max(size.page_bytes, size.dictionary_bytes),
    )


def _rows(
    batch: pa.RecordBatch,
    path: str,
    position: int,
    new_by_name: Mapping[str, Sequence[str]],
    wanted: Collection[str] | None,
) -> Iterator[Record | Reject]:
    """Yields the rows of a batch.

    Args:
        batch: The batch.
        path: Its file.
        position: Number of the rows before it.
        new_by_name: Columns by their names in the file.
        wanted: Those that are kept; None: all.
    """
    left = {name: iter(new) for name, new in new_by_name.items()}
    columns = {}
    new_ones: list[str] = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        # pyarrow also reads `text.x` where `text` is asked for.
        new = next(left.get(name, iter(())), None)
        if new is not None and (wanted is None or new in wanted):
            columns[new] = column
            new_ones += new_names([name], [new])
    renamed = tuple(new_ones)
    by_column = {name: text_sizes(column) for name, column in columns.items()}
    sizes = sum(by_column.values(), np.zeros(len(batch), "int64"))
    step = len(batch) if sizes.sum() <= MAX_RECORD_CHARS else 1
    for start in range(0, len(batch), max(step, 1)):
        place = position + start + 1
        if sizes[start] > MAX_RECORD_CHARS:
            largest = max(by_column, key=lambda name: by_column[name][start])
            yield _too_long(path, place, largest, columns[largest].slice(start, 1))
            continue
        pieces = {name: each.slice(start, step) for name, each in columns.items()}
        yield from _records(path, place, pieces, renamed)


def _records(
    path: str, position: int, columns: dict[str, pa.Array], renamed: tuple[str, ...]
) -> Iterator[Record | Reject]:
    """Yields rows that are small enough together; the first has this position."""
    try:
        values = [whole_values(column) for column in columns.values()]
    except NO_VALUE:
        yield from _mended(path, position, columns, renamed)
        return
    for place, row in enumerate(zip(*values, strict=True)):
        yield Record(
            source=path,
            position=position + place,
            columns=dict(zip(columns, row, strict=True)),
            raw=None,
            replaced_utf8=False,
            renamed=renamed,
        )


def _mended(
    path: str, position: int, columns: dict[str, pa.Array], renamed: tuple[str, ...]
) -> Iterator[Record | Reject]:
    """Yields rows one by one, as at least one has a value that Python does not have."""
    for place in range(len(next(iter(columns.values())))):
        mender = Mender()
        row = {}
        try:
            for name, column in columns.items():
                row[name] = mender.values(column.slice(place, 1))[0]
        except ValueError as error:
            detail = f"`{name}`: {error}"
            yield reject_at(path, position + place, reasons.NOT_TEXT, detail)
            continue
        yield Record(
            source=path,
            position=position + place,
            columns=row,
            raw=None,
            replaced_utf8=mender.replaced_utf8,
            renamed=tuple(dict.fromkeys(renamed + mender.renamed)),
        )


def _too_long(path: str, position: int, name: str, value: pa.Array) -> Reject:
    """Returns the reject of a row whose largest value is this one."""
    size = int(text_sizes(value)[0])
    scalar = value[0].value if pa.types.is_dictionary(value.type) else value[0]
    text = ""
    if pa.types.is_string(scalar.type) or pa.types.is_large_string(scalar.type):
        data = scalar.as_buffer()[: 4 * _SHOWN_CHARS].to_pybytes()
        text = data.decode("utf-8", "replace")[:_SHOWN_CHARS]
    detail = f"the row is too long: `{name}` alone has about {size:,} characters"
    return reject_at(path, position, reasons.TOO_LONG, detail, text)
