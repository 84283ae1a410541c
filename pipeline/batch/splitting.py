"""First stage: from files to chunks of rows with a text.

Small files are read together, by groups; a chunk is what is scored together later.
"""

from __future__ import annotations

import collections
import contextlib
import gzip
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import apache_beam as beam
from apache_beam.metrics import Metrics

from components.text_example_gen.errors import describe_absence
from components.text_example_gen.input_files import class_folder, data_files
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.layout import Layout
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import (
    Record,
    as_dict,
    describe_no_text,
    is_reject,
    reject,
)
from components.text_example_gen.values import (
    MOST_CHARS_OF_NAME,
    BadValueError,
    has_replaced,
    is_lossy,
    text_of,
    to_json,
)
from pipeline.batch import storage
from pipeline.batch.done import note, noted
from pipeline.batch.formats.table import (
    CSV,
    HDF5,
    KindCounts,
    carried,
    kind_of,
    without_nul,
)
from pipeline.batch.rejects import RejectLines
from pipeline.batch.staging import CHUNKS, METRICS, REJECTED, SPLITS, BatchJob
from pipeline.errors import UserError
from pipeline.files import is_local

_GROUP_BYTES = 32 * 2**20
_GROUP_FILES = 1000
_CHUNK_JSON_CHARS = 64 * 2**20  # of the rows of a chunk, with all their columns
# Values in these rows, each of which takes up to 250 bytes, however short it is. They
# are counted by what stands before them in JSON, in texts too.
_CHUNK_VALUES = 2 * 2**20
_BEFORE_VALUES = ",[{"
# Each row of the output has all columns. Rows may bring so many names along that the
# first one lacks.
_MOST_NEW_NAMES = 1000
_NAMES_IN_EACH_ROW = ("json", "jsonl")
_GZIP_LEVEL = 1  # a chunk is read once, and soon


class InputFile(TypedDict):
    """A file, and what tells whether it is still the same one."""

    path: str
    size_bytes: int
    changed: float  # seconds since 1970; 0 where the file system does not say
    # In nanoseconds, of this machine's files; else 0. A copy that keeps the time above,
    # as `cp -p` does, does not keep this one.
    noted_ns: int
    in_class_folder: str  # its name, or ""


class FileGroup(TypedDict):
    """Files that one worker reads, one after another."""

    number: int
    files: list[InputFile]


class Chunk(TypedDict):
    """Rows that are scored together; `name` is their place in the input."""

    name: str
    path: str
    rows: int


class SplitRecord(TypedDict):
    """What became of a `FileGroup`."""

    number: int
    chunks: list[Chunk]
    rows_in: int
    rejected: str | None  # path of the rejects, if there are any
    reasons: Mapping[str, int]  # rejected rows by reason
    problems: list[str]  # with files as wholes
    columns: KindCounts  # of the carried columns
    layouts: Mapping[str, int]  # files by how they are written
    replaced_utf8: int  # rows in which what cannot be decoded became U+FFFD
    replaced_nul: int  # carried values in which NUL became U+FFFD
    as_null: Mapping[str, int]  # by column: NaN and infinity that became null
    renamed: Mapping[str, int]  # rows by names given to columns whose name came twice


class ChunkRow(NamedTuple):
    """One row that waits to be scored; `columns` hold JSON's types."""

    source: str
    position: int
    text: str
    columns: dict[str, Any]


def find_files(
    patterns: Iterable[str], format_name: str = "auto"
) -> tuple[list[InputFile], list[str]]:
    """Returns the files of all patterns, each one once, in their order.

    Returns:
        The files, and the paths of those that are left out by their names.

    Raises:
        UserError: No file matches a pattern (any more).
    """
    files: dict[str, InputFile] = {}
    left_out: dict[str, None] = {}
    for pattern in patterns:
        found = data_files(pattern, format_name)
        if not found.files:
            raise UserError(describe_absence(pattern))
        left_out.update((file.path, None) for file in found.left_out)
        for file in found.files:
            files.setdefault(
                file.path,
                InputFile(
                    path=file.path,
                    size_bytes=file.size_in_bytes,
                    changed=file.last_updated_in_seconds,
                    noted_ns=_noted_ns(file.path),
                    in_class_folder=class_folder(pattern, file.path),
                ),
            )
    return list(files.values()), [path for path in left_out if path not in files]


def _noted_ns(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_ctime_ns if is_local(path) else 0
    return 0


def group_files(files: Sequence[InputFile]) -> list[FileGroup]:
    """Groups files in their order; the same files always make the same groups."""
    groups: list[FileGroup] = []
    size = 0
    for file in files:
        is_full = (
            not groups
            or size + file["size_bytes"] > _GROUP_BYTES
            or len(groups[-1]["files"]) == _GROUP_FILES
        )
        if is_full:
            groups.append(FileGroup(number=len(groups), files=[]))
            size = 0
        groups[-1]["files"].append(file)
        size += file["size_bytes"]
    return groups


def pack_group(group: FileGroup) -> str:
    """Returns a group as it travels: in ASCII, as a file's name may be no UTF-8."""
    return json.dumps(group)


class SplitFiles(beam.DoFn):
    """Reads a packed group, writes its rows into chunks and yields a `SplitRecord`.

    A group that was split before is not read again.
    """

    def __init__(self, job: BatchJob) -> None:
        super().__init__()
        self._job = job
        self._rows_in = Metrics.counter(METRICS, "rows_in")

    def process(self, element: str) -> Iterator[SplitRecord]:
        group: FileGroup = json.loads(element)
        name = f"{group['number']:05d}"
        record_path = self._job.path(SPLITS, f"{name}.json")
        record: SplitRecord | None = noted(record_path)
        if record is None:
            with RejectLines() as rejects:
                record = _Splitter(self._job, name, rejects).split(group)
            chunks = [chunk["path"] for chunk in record["chunks"]]
            note(record_path, record, [*chunks, record["rejected"]])
        self._rows_in.inc(record["rows_in"])
        yield record


class _Splitter:
    """Splits one group of files."""

    def __init__(self, job: BatchJob, name: str, rejects: RejectLines) -> None:
        self._job = job
        self._request = job.request
        self._name = name
        self._rejects = rejects
        self._rows: list[str] = []  # a `ChunkRow` each, as JSON
        self._chars = 0  # of their texts
        self._json_chars = self._values = 0
        self._chunks: list[Chunk] = []
        self._columns: dict[str, collections.Counter[str]] = {}
        self._format = ""  # of the file that is read
        self._new_names: int | None = None  # None: no row has brought any along
        self._layouts: collections.Counter[str] = collections.Counter()
        self._replaced = 0
        self._replaced_nul = 0
        self._as_null: collections.Counter[str] = collections.Counter()
        self._renamed: collections.Counter[str] = collections.Counter()

    def split(self, group: FileGroup) -> SplitRecord:
        rows_in = 0
        for file in group["files"]:
            items = read_file(
                file["path"],
                self._request.options,
                in_class_folder=file["in_class_folder"],
                on_layout=self._add_layout,
            )
            for item in items:
                rows_in += 1
                if is_reject(item):
                    self._rejects.add(item)
                else:
                    self._add(item)  # type: ignore[arg-type]
        self._end_chunk()
        rejects_path = self._job.path(REJECTED, f"split-{self._name}.jsonl")
        return SplitRecord(
            number=group["number"],
            chunks=self._chunks,
            rows_in=rows_in,
            rejected=self._rejects.write(rejects_path),
            reasons=self._rejects.reasons,
            problems=self._rejects.problems,
            columns=self._columns,
            layouts=self._layouts,
            replaced_utf8=self._replaced,
            replaced_nul=self._replaced_nul,
            as_null=self._as_null,
            renamed=self._renamed,
        )

    def _add_layout(self, layout: Layout) -> None:
        self._format = layout.format
        self._layouts[str(layout)] += 1

    def _add(self, record: Record) -> None:
        """Adds a row to the chunk, if it has a text and a key."""
        columns = record["columns"]
        options = self._request.options
        key_column = options.key_column
        try:
            text = text_of(columns, options.text_columns)
        except BadValueError as error:
            self._reject(record, reasons.NOT_TEXT, str(error))
            return
        if text is None:
            self._reject(record, reasons.NO_TEXT, describe_no_text(options))
            return
        if key_column is not None and to_json(columns.get(key_column)) in (None, ""):
            self._reject(record, reasons.NO_KEY, f"`{key_column}` is empty")
            return
        if key_column is not None:
            key = columns.get(key_column)
            if is_lossy(record, key, str(to_json(key))):
                detail = f"`{key_column}`: what cannot be decoded became U+FFFD"
                self._reject(record, reasons.LOSSY_KEY, detail)
                return
        if detail := self._refused_names(columns):
            self._reject(record, reasons.TOO_MANY_COLUMNS, detail)
            return
        row = ChunkRow(
            record["source"], record["position"], text, self._carried(columns)
        )
        line = json.dumps(row, ensure_ascii=False)
        values = sum(map(line.count, _BEFORE_VALUES))
        if len(self._rows) == self._request.chunk_rows or (
            self._rows
            and (
                self._chars + len(text) > self._request.chunk_chars
                or self._json_chars + len(line) > _CHUNK_JSON_CHARS
                or self._values + values > _CHUNK_VALUES
            )
        ):
            self._end_chunk()
        self._rows.append(line)
        self._chars += len(text)
        self._json_chars += len(line)
        self._values += values
        self._replaced += has_replaced(record, options.text_columns)
        self._renamed.update(record["renamed"])

    def _refused_names(self, columns: dict[str, Any]) -> str:
        """Returns why a row brings too many names along, or too long ones; or ""."""
        if self._request.keep is not None:
            return ""
        longest = max(map(len, columns), default=0)
        if longest > MOST_CHARS_OF_NAME:
            return f"a name of {longest:,} characters; {MOST_CHARS_OF_NAME:,} may be"
        if self._format not in _NAMES_IN_EACH_ROW:
            return ""
        more = 0
        if self._new_names is not None:  # of the first row all are taken
            more = sum(name not in self._columns for name in columns)
            if more and self._new_names + more > _MOST_NEW_NAMES:
                return f"more than {_MOST_NEW_NAMES:,} names that the first row lacks"
        self._new_names = (self._new_names or 0) + more
        return ""

    def _carried(self, columns: dict[str, Any]) -> dict[str, Any]:
        keep = columns if self._request.keep is None else self._request.keep
        format_name, key = self._request.format, self._request.options.key_column
        row = {}
        for name in keep:
            value = columns.get(name)
            kinds = self._columns.setdefault(name, collections.Counter())
            kinds[kind_of(value, format_name)] += 1
            is_written = format_name != HDF5 or name == key  # of HDF5 the key alone
            is_mended = is_written and format_name in (CSV, HDF5)
            if is_mended and isinstance(value, str):
                whole = without_nul(value)
                self._replaced_nul += whole != value
                value = whole
            row[name], as_null = carried(value, format_name)
            if is_written and as_null:
                self._as_null[name] += as_null
        return row

    def _end_chunk(self) -> None:
        if not self._rows:
            return
        name = f"{self._name}-{len(self._chunks):05d}"
        path = self._job.path(CHUNKS, f"{name}.jsonl.gz")
        _write_chunk(path, self._rows)
        self._chunks.append(Chunk(name=name, path=path, rows=len(self._rows)))
        self._rows, self._chars, self._json_chars, self._values = [], 0, 0, 0

    def _reject(self, record: Record, reason: str, detail: str) -> None:
        self._rejects.add(as_dict(reject(record, reason, detail)))


def _write_chunk(path: str, lines: Sequence[str]) -> None:
    with (
        storage.local_writer(path) as local,
        # Without the time, for which gzip has 32 bits.
        gzip.GzipFile(local, "wb", _GZIP_LEVEL, mtime=0) as packed,
        io.TextIOWrapper(packed, "utf-8") as file,
    ):
        file.writelines(f"{line}\n" for line in lines)


def read_chunk(path: str) -> list[ChunkRow]:
    """Returns the rows of a `Chunk`."""
    with (
        storage.open_reading(path) as raw,
        gzip.open(raw, "rt", encoding="utf-8") as file,
    ):
        return [ChunkRow(*json.loads(line)) for line in file]
