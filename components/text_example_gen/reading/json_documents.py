"""Reads JSON that is not one object a line: an array, or objects over several lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.json_forms import JsonForm
from components.text_example_gen.reading.json_lines import Objects
from components.text_example_gen.reading.json_scanner import (
    JsonSyntaxError,
    Scanner,
    Value,
    text_of,
)
from components.text_example_gen.reading.records import Record, Reject

_MOST_NULLS = 1000


def read_json_document(
    text: TextIO,
    path: str,
    options: ReadOptions,
    form: JsonForm,
    on_note: Callable[[str], None],
) -> Iterator[Record | Reject]:
    """Reads one JSON file that is no JSON Lines, in constant memory.

    Args:
        text: From its beginning.
        path: As the records say it.
        options: Name the columns.
        form: What `find_form` has found.
        on_note: Is called once, before the first record, with what is odd or "".

    Yields:
        Records and rejects in the order of the file; positions count objects from 1.

    Raises:
        UnreadableFileError: It is no JSON from somewhere on, it has no list of objects
            or several, or none of the first objects has a required column.
    """
    if form != "object":
        on_note("objects over several lines" if form == "objects" else "")
    scanner = Scanner(text.read)
    objects = Objects(path, options)
    position = 0
    values = {
        "array": scanner.items,
        "object": lambda: _rows_in_object(scanner, path, on_note),
        "objects": scanner.values,
    }[form]
    try:
        for value in values():
            position += 1
            yield objects.record(value.raw, position, is_cut=value.is_cut)
        scanner.end()
    except JsonSyntaxError as error:
        objects.end()
        raise UnreadableFileError(
            reasons.DAMAGED_FILE,
            f"{path} is not JSON after {position} objects: {error}",
            error.text,
        ) from error
    objects.end()


def _rows_in_object(
    scanner: Scanner, path: str, on_note: Callable[[str], None]
) -> Iterator[Value]:
    """Yields the objects of the one list of objects that an object has."""
    chosen: str | None = None
    scanner.take("{", "an object")
    end = scanner.take("}", "a name") if scanner.peek() == "}" else ""
    while end != "}":
        key = text_of(scanner.value().raw)
        scanner.take(":", "`:`")
        if scanner.peek() != "[":
            scanner.value()
        else:
            nulls: list[Value] = []  # before the first object
            for number, value in enumerate(scanner.items()):
                is_first = value.raw.startswith("{") and number == len(nulls)
                if chosen != key and is_first:
                    if chosen is not None:
                        raise UnreadableFileError(
                            reasons.UNKNOWN_FORMAT,
                            f"{path} is one JSON object, and has two lists of objects: "
                            f"`{chosen}` and `{key}`\n"
                            "hint: write one list of objects, or one object a line",
                        )
                    chosen = key
                    on_note(f"rows in `{key}`")
                    yield from nulls
                if chosen == key:
                    yield value
                elif value.raw == "null" and number < _MOST_NULLS:
                    nulls.append(value)
        end = scanner.take(",}", "`,` or `}`")
    if chosen is None:
        raise UnreadableFileError(
            reasons.UNKNOWN_FORMAT,
            f"{path} is one JSON object, and has no list of objects, one for each row\n"
            "hint: write a list of objects, or one object a line",
        )
