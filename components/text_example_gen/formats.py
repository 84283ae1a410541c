"""Tells which format a file has: by its name, else by what is in it."""

from __future__ import annotations

import json
import posixpath

from components.text_example_gen import reasons
from components.text_example_gen.dialects import find_delimiter
from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions

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


def format_by_name(path: str) -> str | None:
    """The format that the name of a file tells, whatever it is compressed with."""
    stem, extension = posixpath.splitext(path.replace("\\", "/").lower())
    if extension in _COMPRESSED:
        extension = posixpath.splitext(stem)[1]
    return _BY_EXTENSION.get(extension)


def format_by_content(path: str, head: bytes, options: ReadOptions) -> str:
    """The format that the beginning of a file tells: `csv`, `tsv`, `jsonl`, `parquet`.

    Args:
        path: For the message.
        head: The beginning of the file, unpacked.
        options: Its column names are looked for in the first row.

    Raises:
        UnreadableFileError: With reason `unknown_format`.
    """
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
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
