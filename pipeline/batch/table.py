"""A table: rows of a part, with the columns that all parts of a job have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Rows of dicts; a column that a row lacks is missing there.

    Args:
        columns: Kind of each column (`values`), in the order of the output.
        rows: Values by name; those of the kinds `vector` and `vectors` are numpy
            arrays, all of one dtype.
        key: Column that tells rows apart, if one was named.
    """

    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    key: str | None = None
