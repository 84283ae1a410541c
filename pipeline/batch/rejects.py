"""Rejected rows, written apart from the output as one JSON object a line."""

from __future__ import annotations

import collections
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.batch import storage

_MEMORY_BYTES = 2**20  # beyond it they wait on the local disk
_MOST_PROBLEMS = 100


class RejectLines:
    """Gathers the rejects of one piece of work; use it as a context manager.

    Attributes:
        reasons: Rejected rows by reason.
        problems: What is wrong with files as wholes, for the first hundred of them.
    """

    def __init__(self) -> None:
        self.reasons: collections.Counter[str] = collections.Counter()
        self.problems: list[str] = []

    def __enter__(self) -> RejectLines:
        self._lines = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def add(self, reject: Mapping[str, Any]) -> None:
        """Adds a `records.Reject`."""
        line = json.dumps(reject, ensure_ascii=False) + "\n"
        self._lines.write(line.encode("utf-8"))
        self.reasons[reject["reason"]] += 1
        if reject["position"] == 0 and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(reject["detail"])

    def write(self, path: str) -> str | None:
        """Writes them, if there are any, and returns the path; else returns None."""
        if not self.reasons:
            return None
        self._lines.seek(0)
        with storage.local_writer(path) as local, local.open("wb") as file:
            shutil.copyfileobj(self._lines, file)
        return path


def add_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Returns the sum of numbers by name, largest first."""
    total: collections.Counter[str] = collections.Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
