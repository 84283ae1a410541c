"""Where room has to be made, if that is why something failed.

The temporary folder may be the full one: it is often a small disk of its own. So may a
folder of the output be, such as the served models'.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from pipeline.files import is_local

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
FULL_BYTES = 16 << 20
"""A disk with less room may be why something failed."""


def without_temporary_folder(unusable: FileNotFoundError) -> str:
    """Returns what is said where no folder takes temporary files: all read-only, full.

    Args:
        unusable: What `tempfile.gettempdir` has raised; it names the folders.
    """
    return f"{unusable.strerror}\nhint: make room there, or set TMPDIR"


def with_full_disk(reason: str, output: str) -> str:
    """Returns why something failed, and where there is no room, if that is why.

    Args:
        reason: Why, as it is known.
        output: The folder that is written into besides the temporary one.
    """
    if not any(os.strerror(number) in reason for number in _NO_ROOM):
        return reason
    named: list[Path] = []
    try:
        places = [Path(tempfile.gettempdir())]
    except FileNotFoundError as unusable:
        return without_temporary_folder(unusable)
    if is_local(output):
        within = _disks_within(Path(output))
        places[:0] = [next(p for p in Path(output).parents if p.exists()), *within]
        # What was begun there is removed by now, and room again.
        named = [each for each in within if f"{each}/" in reason]
    full = [each for each in places if shutil.disk_usage(each).free < FULL_BYTES]
    # A quota is no full disk, and what was there may be gone by now.
    names = " and in ".join(str(each) for each in named or full or places[:1])
    return f"{reason}\nhint: make room in {names}"


def _disks_within(output: Path) -> list[Path]:
    """Returns the folders of an output that lie on other disks than it does."""
    try:
        own = output.stat().st_dev
        folders = [each for each in sorted(output.iterdir()) if each.is_dir()]
        return [each for each in folders if each.stat().st_dev != own]
    except OSError:  # it is not there, or changes at this moment
        return []
