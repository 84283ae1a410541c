"""Corrections of labels that a person made in a table, one row of the data a line.

`elmo-tfx review` writes such a table. Its columns, of which others may stand beside:

    row_id            `row_id(text)`: it stays when rows move, or when a spreadsheet
                      changes how a text is written.
    label             the label as the data has it.
    corrected_label   the right one; empty: nothing was decided.
"""

from __future__ import annotations

import collections
import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from components.text_example_gen.errors import DataError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import Record, Reject, is_reject
from components.text_example_gen.values import BadValueError, clean_label, digest

ROW_ID = "row_id"
LABEL = "label"
CORRECTED = "corrected_label"

# A digest alone may look like a number, such as 12e45, which a spreadsheet rounds.
_BEFORE_DIGEST = "t"
_MOST_SHOWN = 5

Key = tuple[bytes, str]  # digest of the text, and label
_TABLE = ReadOptions(text_column=ROW_ID, label_column=CORRECTED, other_columns=(LABEL,))


# A spreadsheet changes nothing in a cell that begins with a letter, a quotation mark or
# such, nor in a whole number. It takes `=…`, `+…` and `@…` for formulas, and writes 007
# as 7.
_STAYS = re.compile(
    r"""(?: (?: [^\W\d_] | [“”„«‘’…(["/] | \.(?!\d) ) .* | 0 | -?[1-9][0-9]{0,14} )""",
    re.DOTALL | re.VERBOSE,
)
_GUARD = "'"


def as_cell(value: str) -> str:
    """Returns a text as a cell that no spreadsheet takes for a formula or rounds.

    An apostrophe goes before it where it might; `from_cell` drops that again.
    """
    return value if not value or _STAYS.fullmatch(value) else _GUARD + value


def from_cell(value: Any) -> Any:
    """Returns what `as_cell` was given; what never was such a cell stays."""
    if isinstance(value, str) and value.startswith(_GUARD):
        return value if _STAYS.fullmatch(value[1:]) else value[1:]
    return value


def row_id(text: str) -> str:
    """Returns what names the rows with a text, whatever case and white space it has."""
    return _BEFORE_DIGEST + digest(text).hex()


@dataclasses.dataclass(frozen=True)
class Corrections:
    """What a table of corrections says.

    Args:
        path: Of the table.
        labels: Digest and label -> the right label.
        lines: The same -> line of the table, from 1.
        undecided: Lines without a corrected label.
    """

    path: str = ""
    labels: Mapping[Key, str] = dataclasses.field(default_factory=dict)
    lines: Mapping[Key, int] = dataclasses.field(default_factory=dict)
    undecided: int = 0


def read_corrections(path: str) -> Corrections:
    """Reads a table of corrections, in any format and encoding that data may have.

    Args:
        path: On any file system Beam knows.

    Raises:
        DataError: It cannot be read, a line of it cannot be used, or two lines say
            different things of the same rows.
    """
    labels: dict[Key, str] = {}
    lines: dict[Key, int] = {}
    undecided = 0
    for item in _items(path):
        if is_reject(item):
            line = f" {path}, line {item['position']}" if item["position"] else ""
            detail, _, _ = cast(Reject, item)["detail"].partition("\n")
            raise DataError(f"The corrections{line}: {detail}")
        position, columns = item["position"], cast(Record, item)["columns"]
        try:
            key = _key(columns)
            label = clean_label(from_cell(columns.get(CORRECTED)))
        except (BadValueError, ValueError) as error:
            raise DataError(f"The corrections {path}, line {position}: {error}") from (
                error
            )
        if label is None:
            undecided += 1
        elif labels.setdefault(key, label) != label:
            raise DataError(
                f"The corrections {path}, line {position}: the same row is "
                f"{labels[key]!r} in line {lines[key]}, and here {label!r}"
            )
        else:
            lines.setdefault(key, position)
    return Corrections(path, labels, lines, undecided)


def _items(path: str) -> Iterator[Record | Reject]:
    try:
        yield from read_file(path, _TABLE)
    except OSError as error:
        raise DataError(f"The corrections {path}: {error.strerror or error}") from error


def _key(columns: Mapping[str, Any]) -> Key:
    name = (clean_label(columns.get(ROW_ID)) or "").removeprefix(_BEFORE_DIGEST)
    label = clean_label(from_cell(columns.get(LABEL)))
    try:
        found = bytes.fromhex(name)
    except ValueError:
        found = b""
    if len(found) != len(digest("")):
        raise ValueError(
            f"`{ROW_ID}` must be as `elmo-tfx review` wrote it. "
            f"Received: {columns.get(ROW_ID)!r}"
        )
    if label is None:
        raise ValueError(f"`{LABEL}` is empty")
    return found, label


@dataclasses.dataclass(frozen=True)
class CorrectionCounts:
    """What became of each line with a corrected label; but for `rows`, in lines.

    `applied` + `as_data` + `not_found` = all of them.

    Args:
        path: Of the table.
        from_examples: The same, as seen from the folder of the examples, with which it
            may be moved; empty: not known.
        applied: They changed the labels of rows.
        rows: The rows that they changed: more, where several have the text.
        as_data: The data has the corrected label already.
        not_found: No row has the text, or those that have it have another label.
        undecided: Lines without a corrected label.
        not_found_lines: The first of these lines.
    """

    path: str
    applied: int
    rows: int
    as_data: int
    not_found: int
    undecided: int
    not_found_lines: tuple[int, ...] = ()
    from_examples: str = ""


def count_corrections(
    corrections: Corrections, changed: Mapping[Key, int], found: Iterable[Key]
) -> CorrectionCounts:
    """Accounts for every line of a table.

    Args:
        corrections: What the table says.
        changed: Digest and old label -> rows that were changed.
        found: Digest and label of rows that had the corrected label already.
    """
    there = set(found)
    as_data, missing = 0, []
    for key, label in corrections.labels.items():
        if key not in changed:
            if (key[0], label) in there:
                as_data += 1
            else:
                missing.append(corrections.lines[key])
    return CorrectionCounts(
        path=corrections.path,
        applied=sum(key in changed for key in corrections.labels),
        rows=sum(changed.values()),
        as_data=as_data,
        not_found=len(missing),
        undecided=corrections.undecided,
        not_found_lines=tuple(sorted(missing)[:_MOST_SHOWN]),
    )


def check_labels(
    corrections: Corrections, changed: Mapping[Key, int], seen: Mapping[str, int]
) -> None:
    """Refuses a corrected label that no row has by itself: it is a slip of the pen.

    Args:
        corrections: What the table says.
        changed: Digest and old label -> rows that were changed.
        seen: Rows per label, once they are corrected.

    Raises:
        DataError: There is one.
    """
    new: collections.Counter[str] = collections.Counter()
    for key, rows in changed.items():
        new[corrections.labels[key]] += rows
    own = {label for label, rows in seen.items() if rows > new[label]}
    for label in sorted(set(new) - own):
        key = next(key for key in changed if corrections.labels[key] == label)
        close = difflib.get_close_matches(label, own, n=1)
        hint = f"\nhint: did you mean {close[0]!r}?" if close else ""
        raise DataError(
            f"The corrections {corrections.path}, line {corrections.lines[key]}: no "
            f"row of the data has the label {label!r}{hint}"
        )
