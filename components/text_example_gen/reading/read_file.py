"""Reads one file of any format: the one place where files become records."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.delimited import (
    find_delimiter,
    find_dialect,
    read_delimited,
)
from components.text_example_gen.reading.documents import read_document
from components.text_example_gen.reading.json_lines import read_json_lines
from components.text_example_gen.reading.opening import (
    DAMAGE,
    HEAD_BYTES,
    check_is_text,
    is_damage,
    open_bytes,
)
from components.text_example_gen.reading.records import (
    Record,
    Reject,
    reject_at,
    replace_invalid,
)

_COMPRESSED = (".gz", ".bz2", ".xz")
_BY_EXTENSION = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PARQUET_MAGIC = b"PAR1"


def read_file(
    path: str, options: ReadOptions, *, in_class_folder: bool = False
) -> Iterator[Record | Reject]:
    """Reads one file lazily, in constant memory, plain or compressed.

    Args:
        path: On any file system Beam knows. What is yielded has it with U+FFFD for
            bytes that are not UTF-8.
        options: How to read it.
        in_class_folder: With format `auto`: whether a file whose name does not tell its
            format is a document of a class folder.

    Yields:
        Records and rejects in the order of the file. If the file cannot be read to its
        end, the last item is a reject with position 0; the items before it are valid.
    """
    rows_read = 0
    try:
        for item in _read(path, options, in_class_folder):
            yield item
            rows_read += 1
    except UnreadableFileError as error:
        yield reject_at(path, 0, error.reason, error.detail, error.text)
    except DAMAGE as error:
        if not is_damage(error):
            raise
        detail = f"{path} is damaged after {rows_read} rows: {error}"
        yield reject_at(path, 0, reasons.DAMAGED_FILE, detail)


def _read(
    path: str, options: ReadOptions, in_class_folder: bool
) -> Iterator[Record | Reject]:
    format_name = options.format
    if format_name == "auto":
        format_name = format_by_name(path) or ("folder" if in_class_folder else "auto")
    if format_name == "folder":
        if len(options.text_columns) > 1:
            raise UnreadableFileError(
                reasons.MISSING_COLUMN,
                f"{path} is one text, and has no column `{options.text_columns[1]}`\n"
                "hint: give one text column where each file is a text",
            )
        yield read_document(path, options)
        return
    with open_bytes(path) as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        if format_name == "parquet":
            raise UnreadableFileError(
                reasons.DAMAGED_FILE,
                f"{path} is damaged: it has no bytes, and a Parquet file has some",
            )
        return
    if format_name == "auto" and head.startswith(_PARQUET_MAGIC):
        format_name = "parquet"
    if format_name != "parquet":
        check_is_text(path, head)
    if format_name == "auto":
        format_name = _format_of_text(path, head, options)
    source, _ = replace_invalid(path)
    with open_bytes(path) as stream:
        if format_name == "parquet":
            # pyarrow takes a while to import.
            from components.text_example_gen.reading.parquet import read_parquet

            yield from read_parquet(stream, source, options)
            return
        if format_name == "jsonl":
            yield from read_json_lines(stream, source, options)
            return
        text = head.decode("utf-8-sig", "surrogateescape")
        dialect = find_dialect(text, format_name, options)
        yield from read_delimited(stream, source, dialect, options)


def format_by_name(path: str) -> str | None:
    """Returns the format that the name of a file tells, compressed or not, or None."""
    stem, extension = posixpath.splitext(path.replace("\\", "/").lower())
    if extension in _COMPRESSED:
        extension = posixpath.splitext(stem)[1]
    return _BY_EXTENSION.get(extension)


def _format_of_text(path: str, head: bytes, options: ReadOptions) -> str:
    """Returns the format that the beginning of a text file tells: csv, tsv or jsonl.

    Args:
        path: For the message.
        head: The beginning of the file, unpacked.
        options: Its column names are looked for in the first row.

    Raises:
        UnreadableFileError: With reason `unknown_format`.
    """
    text = head.decode("utf-8-sig", "surrogateescape")
    first_line = next((line for line in text.split("\n") if line.strip()), "")
    if _is_json_object(first_line):
        return "jsonl"
    delimiter = find_delimiter(text, ("\t", ",", ";", "|"), options)
    if delimiter is None:
        delimiter = next((d for d in "\t," if d in first_line), None)
    if delimiter is None:
        raise UnreadableFileError(
            reasons.UNKNOWN_FORMAT,
            f"{path}: neither its name nor its content tells its format\n"
            "hint: set the format (csv, tsv, jsonl, parquet, folder)",
            first_line[:1000],
        )
    return "tsv" if delimiter == "\t" else "csv"


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
