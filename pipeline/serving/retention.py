"""Removes old versions from the serving folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from pathlib import Path

from pipeline.serving.publish import remove_leftovers, remove_version
from pipeline.serving.versions import version_of, whole_versions

_LOGGER = logging.getLogger(__name__)


def remove_old_versions(
    serving: Path,
    keep: int,
    withdrawn: Collection[str] = (),
    pushed: Collection[str] = (),
) -> list[int]:
    """Removes all whole versions but the newest `keep`, with their manifests.

    What is not a version, or still being copied, stays. So does a symbolic link, which
    no run makes, and what it points to; it takes no place of another.

    Args:
        serving: The folder of versions.
        keep: At least 1, so that the served one stays.
        withdrawn: Folders of versions that a rollback took out of service: they are
            removed and do not count among those kept.
        pushed: Folders of versions that stay whatever their number: what this run has
            pushed.

    Returns:
        The versions that were removed, oldest first.
    """
    whole = [each for each in whole_versions(str(serving)) if not os.path.islink(each)]
    kept = [each for each in whole if each not in withdrawn][-keep:]
    stay = {*kept, *whole[-1:], *pushed}
    removed = [each for each in whole if each not in stay]
    for folder in removed:
        _LOGGER.info("removing the old version %s", folder)
        remove_version(Path(folder))
    if kept:
        # One that is being pushed has a number above all others.
        remove_leftovers(serving, below=int(version_of(kept[0])))
    return [int(version_of(folder)) for folder in removed]
