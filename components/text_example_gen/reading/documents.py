"""Reads a file that is one text: its path is kept, its folder's name is its label."""

from __future__ import annotations

import functools
import io
import posixpath

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.file_names import format_by_name
from components.text_example_gen.file_systems import match
from components.text_example_gen.globs import escape_existing
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.encodings import (
    decode_up_to,
    encoding_by_mark,
    invalid_lines,
    take_survey,
)
from components.text_example_gen.reading.layout import Layout, OnLayout
from components.text_example_gen.reading.opening import (
    DAMAGE,
    HEAD_BYTES,
    check_is_text,
    is_damage,
    open_bytes,
)
from components.text_example_gen.reading.records import (
    MAX_RECORD_CHARS,
    Record,
    Reject,
    check_columns,
    reject_at,
    replace_invalid,
)

_MOST_BESIDE = 500  # files
_BYTES_BESIDE = 2**16
_BYTES_PER_CHAR = 4  # at most, in UTF-8
SOURCE = "source"
"""The column with the path of a text that is a file. Rejects have it, too."""
_SHOWN_CHARS = 1000  # of a rejected document; the rest is in the file


def class_of(path: str) -> str:
    """Returns the name of the folder that a file lies in."""
    return posixpath.basename(posixpath.dirname(path.replace("\\", "/")))


def reads_as_document(path: str, options: ReadOptions, in_class_folder: str) -> bool:
    """Returns whether a file is read as one text.

    Args:
        path: The file.
        options: What it may have that only a table has, such as a delimiter.
        in_class_folder: The folder that stands for its class, or "".
    """
    if options.format != "auto" or format_by_name(path) is not None:
        return options.format == "folder"
    is_table = options.columns is not None or options.delimiter is not None
    return in_class_folder != "" and not is_table


def read_document(
    path: str, options: ReadOptions, on_layout: OnLayout, folder: str = ""
) -> Record | Reject:
    """Reads one text file whole, plain or compressed; its position is 1.

    Its label is `folder`, or the name of the folder that it lies in; the column
    `SOURCE` has its path.

    `on_layout` is called with what was found out, if the file can be read. The file
    is one row, so whatever is wrong with it costs one row.

    Raises:
        UnreadableFileError: With reason `missing_column`: a column is asked for that no
            text has.
    """
    names = (SOURCE, options.text_columns[0], options.label_column)
    check_columns(
        path,
        list(dict.fromkeys(filter(None, names))),
        options,
        hint="each file is one text, and has no other columns",
    )
    try:
        with open_bytes(path) as stream:
            data = stream.read(_BYTES_PER_CHAR * MAX_RECORD_CHARS + 1)
        mark = encoding_by_mark(data) or options.encoding
        check_is_text(path, data[:HEAD_BYTES], mark)
        beside = functools.partial(_lines_beside, posixpath.dirname(path))
        stream = io.BytesIO(data)  # looked at in pieces, as any other file
        head = stream.read(HEAD_BYTES)
        survey = take_survey(path, head, stream, options.encoding, beside)
        text = decode_up_to(data, survey.encoding, MAX_RECORD_CHARS)
    except UnreadableFileError as error:
        return _reject(path, error.reason, error.detail)
    except DAMAGE as error:
        if not is_damage(error):
            raise
        return _reject(path, reasons.DAMAGED_FILE, str(error))
    on_layout(Layout(format="folder", encoding=survey.encoding))
    source, is_lossy_name = replace_invalid(path)
    if len(text) > MAX_RECORD_CHARS:
        return _reject(path, reasons.TOO_LONG, "the text is too long", text)
    text, replaced = replace_invalid(text)
    if "\0" in text:
        return _reject(path, reasons.NOT_TEXT, "the file has NUL characters", text)
    columns = {options.text_columns[0]: text}
    if options.keep_all or SOURCE in options.required:
        columns = {SOURCE: source, **columns}
    if SOURCE in columns or options.key_column == SOURCE:
        replaced |= is_lossy_name
    if options.label_column is not None:
        label, is_replaced = replace_invalid(folder or class_of(path))
        columns[options.label_column] = label
        replaced |= is_replaced
    return Record(
        source=source,
        position=1,
        columns=columns,
        raw=text,
        replaced_utf8=replaced,
        renamed=(),
    )


@functools.lru_cache(maxsize=8)
def _lines_beside(folder: str) -> list[bytes]:
    """Returns lines that are not UTF-8 of texts in a folder: they share an encoding.

    One short text tells too little of it.
    """
    lines: list[bytes] = []
    size = 0
    for file in match(f"{escape_existing(folder)}/*")[:_MOST_BESIDE]:
        try:
            with open_bytes(file.path) as stream:
                head = stream.read(HEAD_BYTES)
        except (UnreadableFileError, *DAMAGE):
            continue  # it is refused in its own turn
        if encoding_by_mark(head) or b"\0" in head:
            continue
        found = invalid_lines(head.splitlines())
        lines += found
        size += sum(map(len, found))
        if size > _BYTES_BESIDE:
            break
    return lines


def _reject(path: str, reason: str, detail: str, text: str = "") -> Reject:
    return reject_at(path, 1, reason, detail, text[:_SHOWN_CHARS])
