"""Says which columns a file lacks, and which name may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from components.text_example_gen import reasons
from components.text_example_gen.errors import UnreadableFileError

_MOST_NAMES = 20
_MOST_NAME_CHARS = 60


def check_columns(
    path: str, found: Sequence[str], required: Sequence[str], *, hint: str = ""
) -> None:
    """Refuses a file that lacks a required column, or has it twice.

    Args:
        path: The file, for the message.
        found: Names of the columns it has.
        required: Names of those it must have.
        hint: Given as the hint where no found name resembles the missing one.

    Raises:
        UnreadableFileError: With reason `missing_column`; it lists the columns found.
    """
    for name in required:
        count = list(found).count(name)
        if count == 1:
            continue
        if count > 1:
            what = f"{path} has {count} columns named `{name}`"
        else:
            what = f"{path} has no column `{name}`"
            near = _nearest(name, [n for n in found if n not in required])
            hint = f"did you mean `{near}`?" if near else hint
        message = f"{what}. Columns found: {_list(found)}"
        if hint:
            message += f"\nhint: {hint}"
        raise UnreadableFileError(reasons.MISSING_COLUMN, message)


def _nearest(name: str, found: Sequence[str]) -> str | None:
    by_folded = {other.strip().casefold(): other for other in found}
    near = difflib.get_close_matches(name.strip().casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None


def _list(names: Sequence[str]) -> str:
    shown = [
        name if len(name) <= _MOST_NAME_CHARS else name[:_MOST_NAME_CHARS] + "..."
        for name in names[:_MOST_NAMES]
    ]
    if len(names) > _MOST_NAMES:
        shown.append(f"and {len(names) - _MOST_NAMES} more")
    return ", ".join(shown) or "none"
