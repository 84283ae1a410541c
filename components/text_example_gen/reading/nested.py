"""Columns within columns: `data.text` is `text` in the structure `data`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_MOST_LEVELS = 5
_MOST_NAMES = 1000  # of a message and of hints in it


class Structure(dict[str, Any]):
    """A structure in which a name came several times.

    Attributes:
        repeated: Those names.
    """

    repeated: frozenset[str] = frozenset()


def with_nested(
    columns: dict[str, Any], names: Iterable[str], *, unique: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns columns with those that are in structures, by names with dots.

    A column that has such a name itself is meant before one in a structure.

    Args:
        columns: Values by column; a structure is a dict.
        names: The columns that are needed.
        unique: Those of them of which there must not be two.

    Raises:
        ValueError: There are several values of a unique name.
    """
    added = {}
    for name in names:
        if name not in columns and "." in name:
            for value, is_repeated in _values_at(columns, name):
                if is_repeated and name in unique:
                    raise ValueError(f"several values are named `{name}`")
                added[name] = value
                break
    return {**columns, **added} if added else columns


def _values_at(structure: Any, name: str) -> Iterator[tuple[Any, bool]]:
    """Yields what has a name, and whether more has it."""
    if not isinstance(structure, dict):
        return
    repeated = structure.repeated if isinstance(structure, Structure) else ()
    if name in structure:
        yield structure[name], name in repeated
    for place, character in enumerate(name):
        outer = name[:place]
        if character == "." and outer in structure:
            for value, is_repeated in _values_at(structure[outer], name[place + 1 :]):
                yield value, is_repeated or outer in repeated


def nested_names(columns: Mapping[str, Any], levels: int = 1) -> list[str]:
    """Returns the names of columns, each followed by those in it.

    Args:
        columns: Values by column; a structure is a dict.
        levels: How deep the columns are nested themselves.
    """
    names = []
    for name, value in columns.items():
        names.append(name)
        if isinstance(value, dict) and value and levels < _MOST_LEVELS:
            inner = nested_names(value, levels + 1)
            names += [f"{name}.{each}" for each in inner[:_MOST_NAMES]]
    return names[:_MOST_NAMES]


def outer_names(names: Sequence[str], there: Iterable[str]) -> set[str]:
    """Returns the columns that have to be read for those that are needed.

    Args:
        names: The needed ones.
        there: The columns of the file, without those in structures.
    """
    return {
        outer
        for outer in there
        for name in names
        if name == outer or name.startswith(f"{outer}.")
    }
