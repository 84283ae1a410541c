"""What is noted of work that is done, so that a repeat does not do it again.

A note names the files that the work has written, with the sum of their bytes, and has a
sum of its own. After a power cut, or on a disk that is going, a file may be empty, cut
or changed: then the work counts as not done. Other file systems than this machine's
answer for their bytes themselves; there only the note is looked at.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.batch import storage
from pipeline.files import crc32_of, is_local, remove

_LOGGER = logging.getLogger(__name__)
_NOT_AS_NOTED = (OSError, ValueError, LookupError, TypeError, RecursionError)


def note(path: str, value: Any, files: Iterable[str | None]) -> None:
    """Notes that some work is done.

    Args:
        path: Of the note.
        value: What came of the work, of JSON's types.
        files: What it has written; None is passed over.
    """
    sums = {file: crc32_of(file) for file in files if file and is_local(file)}
    facts = {"value": value, "files": sums, "sum": _sum_of([value, sums])}
    storage.write_json(path, facts)


def noted(path: str) -> Any:
    """Returns what came of some work; None: it is not done, or not any more.

    On this machine, a note that counts for nothing is removed.
    """
    try:
        facts = storage.read_json(path)
        if facts is None:
            return None
        value, sums = facts["value"], facts["files"]
        if _sum_of([value, sums]) != facts["sum"]:
            raise ValueError("its bytes are not those that were written")
        changed = [file for file in sums if crc32_of(file) != sums[file]]
        if changed:
            raise ValueError(f"{changed[0]} is not what was written")
    except _NOT_AS_NOTED as error:
        _LOGGER.warning("%s counts for nothing: %s: it is done again", path, error)
        if is_local(path):
            remove(Path(path))
        return None
    return value


def _sum_of(value: Any) -> int:
    # In ASCII: names of files may be no UTF-8.
    return zlib.crc32(json.dumps(value, sort_keys=True).encode("ascii"))
