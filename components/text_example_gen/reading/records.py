"""What reading yields: records, and rejects for rows that could not be read.

Both are plain dicts at run time, which Beam encodes fast on every runner.
"""

from __future__ import annotations

import collections
import difflib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypedDict, cast

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import reasons
from components.text_example_gen.values import (
    MOST_CHARS_OF_NAME,
    to_json,
    without_invisible,
)

# A record longer than this is rejected: a quote that is never closed would otherwise
# swallow the rest of its file. 100,000 words of English are about 600,000 characters.
MAX_RECORD_CHARS = 16 * 2**20

# A record with more values, or lines, than this is rejected: each is a Python object,
# with 50 to 250 bytes, even if it is one character in the file.
MAX_RECORD_VALUES = 2**19
_MOST_SEEN = 1000  # names

# A value nested deeper than this is rejected: what reads and writes it calls itself for
# each level, and Python allows about 1,000 of these calls.
MAX_DEPTH = 100

_SURROGATE = re.compile("[\ud800-\udfff]")

# How much of a list of columns a message shows.
_MOST_NAMES = 20
_MOST_NAME_CHARS = 60


class Record(TypedDict):
    """One row as it was read; `position` counts from 1 (line, row of a Parquet file).

    A document of a class folder has position 1. `raw` is the row as it stands in the
    file, or None if the file is not text (Parquet). `replaced_utf8` says that bytes
    which are not UTF-8 became U+FFFD. `renamed` has the names that were given to
    values, in `columns` or in a structure there, because another has theirs.
    """

    source: str
    position: int
    columns: dict[str, Any]
    raw: str | None
    replaced_utf8: bool
    renamed: tuple[str, ...]


class Reject(TypedDict):
    """One row, or one whole file (`position` 0), that could not be used.

    `reason` is one of the codes in `reasons`, `detail` is for people, `text` is the row
    as it stands in the file.
    """

    source: str
    position: int
    reason: str
    detail: str
    text: str


def is_reject(item: Record | Reject) -> bool:
    """Returns whether an item of `read_file` is a `Reject`."""
    return "reason" in item


def reject_at(
    source: str, position: int, reason: str, detail: str, text: str = ""
) -> Reject:
    """Returns a reject; the arguments are its items, made UTF-8 where they are not."""
    return Reject(
        source=replace_invalid(source)[0],
        position=position,
        reason=reason,
        detail=replace_invalid(detail)[0],
        text=replace_invalid(text)[0],
    )


def reject(record: Record, reason: str, detail: str) -> Reject:
    """Returns the record as a reject; its text is JSON if its file is not text."""
    text = record["raw"]
    if text is None:
        text = json.dumps(to_json(record["columns"]), ensure_ascii=False)
    return reject_at(record["source"], record["position"], reason, detail, text)


def replace_invalid(text: str) -> tuple[str, bool]:
    """Replaces what cannot be UTF-8 by U+FFFD; returns whether there was any, too.

    Args:
        text: Decoded with `errors="surrogateescape"`, so that each invalid byte is a
            lone surrogate; or from JSON, which can spell lone surrogates.
    """
    if text.isascii() or not _SURROGATE.search(text):
        return text, False
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that does not stand for a byte
        data = text.encode("utf-16", "surrogatepass")
        return data.decode("utf-16", "replace"), True
    return data.decode("utf-8", "replace"), True


class TooDeepError(ValueError):
    """A value has more than `MAX_DEPTH` levels."""


def replace_invalid_in(value: Any, depth: int = 0) -> tuple[Any, bool]:
    """Does what `replace_invalid` does with all strings in a value of JSON's types.

    Keys are left as they are.

    Args:
        value: The value; not changed.
        depth: How deep it is nested itself.

    Raises:
        TooDeepError: It is nested too deeply.
    """
    if isinstance(value, str):
        return replace_invalid(value)
    if not isinstance(value, (dict, list)):
        return value, False
    if depth >= MAX_DEPTH:
        raise TooDeepError(f"more than {MAX_DEPTH} levels of nesting")
    values = value.values() if isinstance(value, dict) else value
    pairs = [replace_invalid_in(each, depth + 1) for each in values]
    items = [each for each, _ in pairs]
    whole = dict(zip(value, items, strict=True)) if isinstance(value, dict) else items
    return whole, any(is_replaced for _, is_replaced in pairs)


def distinct_names(names: Sequence[str]) -> list[str]:
    """Returns the names with a number behind those that came before: `note`, `note_2`.

    A name that was taken from the beginning is not given to another. A name that is
    empty and not the first such is `unnamed` with its number.
    """
    if len(set(names)) == len(names):
        return list(names)
    taken = set(names)
    seen: set[str] = set()
    distinct = []
    numbers: collections.Counter[str] = collections.Counter()
    for name in names:
        chosen = name
        if name in seen:
            number = numbers[name] + 2
            while (chosen := f"{name or 'unnamed'}_{number}") in taken:
                number += 1
            numbers[name] = number - 1
        seen.add(name)
        taken.add(chosen)
        distinct.append(chosen)
    return distinct


def new_names(names: Sequence[str], distinct: Sequence[str]) -> tuple[str, ...]:
    """Returns those of `distinct_names` that are not the names of before."""
    return tuple(new for old, new in zip(names, distinct, strict=True) if new != old)


def describe_no_text(options: ReadOptions) -> str:
    """Returns the detail of a reject whose text columns are all empty."""
    names = [f"`{name}`" for name in options.text_columns]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} empty"


def as_dict(item: Record | Reject) -> dict[str, Any]:
    """Returns the item with a type that Beam's hints understand."""
    return cast(dict[str, Any], item)


def clean_names(names: Sequence[str], options: ReadOptions) -> list[str]:
    """Returns names of columns without blanks around and invisible characters within.

    A name that an option has just so, with such characters, stays as it is.
    """
    wanted = {*options.required, *(options.columns or ())}
    stripped = [name.strip() for name in names]
    return [
        name if name in wanted else without_invisible(name.replace("\0", "")).strip()
        for name in stripped
    ]


def remember_names(
    seen: dict[str, None], names: Iterable[str], required: Collection[str]
) -> None:
    """Adds names to those seen: all that are asked for, and some to show with an error.

    Others are passed over where they are long, or many have been seen: a file may have
    millions of them.
    """
    for name in names:
        is_shown = len(seen) < _MOST_SEEN and len(name) <= MOST_CHARS_OF_NAME
        if is_shown or name in required:
            seen[name] = None


def check_columns(
    path: str,
    names: Sequence[str],
    options: ReadOptions,
    *,
    hint: str = "",
    hint_besides: str = "",
) -> None:
    """Refuses a file in which a required column is missing, or a unique one repeated.

    Args:
        path: The file, for the message.
        names: Names of the columns it has, as they stand in it.
        options: Has the names of those it must have.
        hint: More to do if no column has a name like the missing one.
        hint_besides: More to do if a column is missing.

    Raises:
        UnreadableFileError: With reason `missing_column`; it lists the columns by
            their `distinct_names`.
    """
    distinct = distinct_names(names)
    repeated = [
        n for n in options.required if n in options.unique if names.count(n) > 1
    ]
    missing = [name for name in options.required if name not in distinct]
    if repeated:
        what = f"{names.count(repeated[0])} columns named `{repeated[0]}`"
        hint = "give all but one of them another name"
    elif missing:
        what = " and ".join(f"no column `{name}`" for name in missing)
        others = [name for name in distinct if name not in options.required]
        in_path = [_hint_of_partition(path, name) for name in missing]
        hint = next(filter(None, in_path), None) or _hint(
            missing, others, options, hint, hint_besides
        )
    else:
        return
    message = f"{path} has {what}. Columns found: {_list(distinct)}"
    if hint:
        message += f"\nhint: {hint}"
    raise UnreadableFileError(reasons.MISSING_COLUMN, message)


def partitions_of(path: str) -> dict[str, str]:
    """Returns column -> folder, of the folders whose names have a value.

    Spark and Hive write so, as in `day=2024-02-29/part-0.parquet`.
    """
    folders = path.replace("\\", "/").split("/")[:-1]
    return {each.partition("=")[0]: each for each in folders if "=" in each[1:]}


def _hint_of_partition(path: str, name: str) -> str:
    """Returns what to do where a folder's name has the value, as of `label=pos/`."""
    folder = partitions_of(path).get(name)
    if folder is None:
        return ""
    return (
        f"the folder `{folder}` has it in its name, as Spark and Hive write "
        "partitions; write it into the files as a column"
    )


def _hint(
    missing: Sequence[str],
    others: Sequence[str],
    options: ReadOptions,
    hint: str,
    hint_besides: str,
) -> str:
    """Returns what to do where columns are not found, given the others there are."""
    near = [found for name in missing if (found := _nearest(name, others))]
    if near:
        meant = " and ".join(f"`{name}`" for name in near)
        return f"did you mean {meant}? {hint_besides}".strip()
    of_option = {options.label_column: "label_column", options.key_column: "key_column"}
    of_option.update(dict.fromkeys(options.text_columns, "text_column"))
    to_set = dict.fromkeys(of_option[name] for name in missing if name in of_option)
    they_are = "it is" if len(missing) == 1 else "they are"
    named = " and ".join(f"`{option}`" for option in to_set)
    set_it = f"if {they_are} called otherwise, set {named}" if to_set else ""
    return "; ".join(filter(None, (set_it, hint, hint_besides)))


def _nearest(name: str, others: Sequence[str]) -> str | None:
    by_folded = {other.strip().casefold(): other for other in others}
    near = difflib.get_close_matches(name.strip().casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None


def _list(names: Sequence[str]) -> str:
    shown = [
        name if len(name) <= _MOST_NAME_CHARS else name[:_MOST_NAME_CHARS] + "..."
        for name in names[:_MOST_NAMES]
    ]
    # One line, whatever the names are: a quoted header may hold line breaks.
    shown = [name.replace("\r", "\\r").replace("\n", "\\n") for name in shown]
    if len(names) > _MOST_NAMES:
        shown.append(f"and {len(names) - _MOST_NAMES} more")
    return ", ".join(shown) or "none"
