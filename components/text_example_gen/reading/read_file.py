"""Reads one file of any format: the one place where files become records."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from typing import TextIO

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.file_names import format_by_name
from components.text_example_gen.options import FORMATS, ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.delimited import read_delimited
from components.text_example_gen.reading.dialects import (
    Head,
    find_delimiter,
    find_dialect,
)
from components.text_example_gen.reading.documents import (
    read_document,
    reads_as_document,
)
from components.text_example_gen.reading.encodings import (
    decode,
    encoding_by_mark,
    open_text,
    take_survey,
)
from components.text_example_gen.reading.json_documents import read_json_document
from components.text_example_gen.reading.json_forms import (
    JsonForm,
    find_form,
    form_of_long,
    is_data_frame,
    looks_like_json,
)
from components.text_example_gen.reading.json_lines import read_json_lines
from components.text_example_gen.reading.labelled_lines import (
    find_labelled_lines,
    read_labelled_lines,
)
from components.text_example_gen.reading.layout import (
    Layout,
    OnLayout,
    ignore_layout,
)
from components.text_example_gen.reading.opening import (
    DAMAGE,
    HEAD_BYTES,
    check_is_text,
    check_is_there,
    is_damage,
    open_bytes,
    with_some_lines,
)
from components.text_example_gen.reading.records import (
    Record,
    Reject,
    partitions_of,
    reject_at,
    replace_invalid,
)

_PARQUET_MAGIC = b"PAR1"


def read_file(
    path: str,
    options: ReadOptions,
    *,
    in_class_folder: str = "",
    on_layout: OnLayout | None = None,
) -> Iterator[Record | Reject]:
    """Reads one file lazily, in constant memory, plain or compressed.

    Args:
        path: On any file system Beam knows. What is yielded has it with U+FFFD for
            bytes that are not UTF-8.
        options: How to read it.
        in_class_folder: Name of the class folder that the file lies in, or "". A file
            in one whose name does not tell its format is a document of this class.
        on_layout: Is called with what was found out about the file, before its first
            row; not if it cannot be read at all.

    Yields:
        Records and rejects in the order of the file. If the file cannot be read to its
        end, the last item is a reject with position 0; the items before it are valid.
    """
    rows_read = 0
    try:
        on_layout = _with_partitions(path, on_layout or ignore_layout)
        for item in _read(path, options, in_class_folder, on_layout):
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
    path: str, options: ReadOptions, in_class_folder: str, on_layout: OnLayout
) -> Iterator[Record | Reject]:
    if reads_as_document(path, options, in_class_folder):
        yield read_document(path, options, on_layout, in_class_folder)
        return
    format_name = options.format
    if format_name == "auto":
        format_name = format_by_name(path) or "auto"
    source, _ = replace_invalid(path)
    with open_bytes(path) as stream:
        head = stream.read(HEAD_BYTES)
        if not head:
            if format_name == "parquet":
                raise UnreadableFileError(
                    reasons.DAMAGED_FILE,
                    f"{path} is damaged: it has no bytes, and a Parquet file has some",
                )
            return
        is_parquet = format_name == "auto" and head.startswith(_PARQUET_MAGIC)
        if not is_parquet and format_name != "parquet":
            known = encoding_by_mark(head) or options.encoding
            check_is_text(path, head, known, delimiter=options.delimiter)
            is_part = len(head) == HEAD_BYTES
            if not head.lstrip().startswith((b"{", b"[")):
                head, is_part = with_some_lines(stream, head)
            survey = take_survey(path, head, stream, options.encoding)
    if is_parquet or format_name == "parquet":
        check_is_there(path, head)
        # pyarrow takes a while to import.
        from components.text_example_gen.reading.parquet import read_parquet

        on_layout(Layout(format="parquet"))
        with open_bytes(path) as stream:
            yield from read_parquet(stream, source, options)
        return
    text = decode(head, survey.encoding, is_whole=not is_part)
    if format_name == "auto":
        format_name = _format_of_text(path, Head(text, is_part), options)
    layout = Layout(format=format_name, encoding=survey.encoding)
    if format_name in ("json", "jsonl"):
        form = _form_of_json(path, Head(text, is_part), layout, options)
        with _opened(path, survey.encoding, newline="\n") as file:
            if form == "lines":
                on_layout(dataclasses.replace(layout, format="jsonl"))
                yield from read_json_lines(file, source, options)
                return
            layout = dataclasses.replace(layout, format="json")
            yield from read_json_document(
                file, source, options, form, functools.partial(_tell, layout, on_layout)
            )
        return
    if format_name in ("fasttext", "trec"):
        on_layout(layout)
        # A line end of old Macs, unless it stands among others.
        newline = "\n" if "\n" in text else ""
        with _opened(path, survey.encoding, newline=newline) as file:
            yield from read_labelled_lines(file, source, options, format_name)
        return
    beginning = Head(text, is_part)
    newline = beginning.newline
    reopen = functools.partial(_opened, path, survey.encoding, newline=newline)
    dialect = find_dialect(beginning, format_name, options, survey, reopen)
    layout = dataclasses.replace(
        layout,
        delimiter=dialect.delimiter,
        quoting="double" if dialect.quoted else "none",
        escape_character=dialect.escape,
        notes=dialect.notes,
    )
    with reopen() as file:
        yield from read_delimited(
            file, source, dialect, options, layout=layout, on_layout=on_layout
        )


def _form_of_json(
    path: str, head: Head, layout: Layout, options: ReadOptions
) -> JsonForm:
    """Returns in which form the JSON of a file is.

    Raises:
        UnreadableFileError: It has no names beside each row's values.
    """
    form = find_form(head.text, head.is_part, options)
    what = ""
    if form is None and layout.format == "json" and head.text.lstrip()[:1] == "[":
        what = "a list of lists or values"
    elif not head.is_part and is_data_frame(head.text):
        what = "a data frame in one object"
    if what:
        raise UnreadableFileError(
            reasons.DAMAGED_FILE,
            f"{path} is {what}, and rows must be objects with names\n"
            "hint: of pandas, to_json(orient='records') writes these",
        )
    if form == "long":
        reopen = functools.partial(_opened, path, layout.encoding, newline="\n")
        return form_of_long(reopen, options)
    return form or "lines"


def _with_partitions(path: str, on_layout: OnLayout) -> OnLayout:
    """Returns what says besides that the values in folders' names are not read."""
    names = ", ".join(f"`{name}`" for name in partitions_of(path))
    if not names:
        return on_layout
    note = f"without {names} of its folder's name"
    return lambda layout: on_layout(
        dataclasses.replace(layout, notes=(*layout.notes, note))
    )


def _tell(layout: Layout, on_layout: OnLayout, note: str) -> None:
    on_layout(dataclasses.replace(layout, notes=(note,) if note else ()))


@contextlib.contextmanager
def _opened(path: str, encoding: str, *, newline: str) -> Iterator[TextIO]:
    with open_bytes(path) as stream:
        yield open_text(stream, encoding, newline=newline)


def _format_of_text(path: str, head: Head, options: ReadOptions) -> str:
    """Returns the format that the beginning of a text file tells.

    Args:
        path: For the message.
        head: The beginning of the file.
        options: Its column names are looked for in the first row.

    Raises:
        UnreadableFileError: With reason `unknown_format`.
    """
    if looks_like_json(head.text) and find_form(head.text, head.is_part, options):
        return "json"
    if options.delimiter is not None:
        return "tsv" if options.delimiter == "\t" else "csv"
    labelled = find_labelled_lines(head.text, head.is_part)
    if labelled is not None:
        return labelled
    first_line = next((line for line in head.text.split("\n") if line.strip()), "")
    delimiter = find_delimiter(head, ("\t", ",", ";", "|"), options)
    if delimiter is None:
        delimiter = next((d for d in "\t," if d in first_line), None)
    if delimiter is None:
        raise UnreadableFileError(
            reasons.UNKNOWN_FORMAT,
            f"{path}: neither its name nor its content tells its format\n"
            f"hint: set its `format`: {', '.join(FORMATS[1:])} (each file is one text)",
            first_line[:1000],
        )
    return "tsv" if delimiter == "\t" else "csv"
