"""Removes old versions from the serving folder."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from pipeline.serving.manifest import manifest_path
from pipeline.serving.versions import GRAPH, version_of, whole_versions

_LOGGER = logging.getLogger(__name__)


def remove_old_versions(
    serving: Path, keep: int, withdrawn: Collection[str] = ()
) -> list[int]:
    """Removes all whole versions but the newest `keep`, with their manifests.

    What is not a version, or still being copied, stays.

    Args:
        serving: The folder of versions.
        keep: At least 1, so that the served one stays.
        withdrawn: Folders of versions that a rollback took out of service: they are
            removed and do not count among those kept.

    Returns:
        The versions that were removed, oldest first.
    """
    whole = whole_versions(str(serving))
    kept = [each for each in whole if each not in withdrawn][-keep:]
    removed = [each for each in whole[:-1] if each not in kept]
    _remove_torn(serving, kept)
    for folder in map(Path, removed):
        _LOGGER.info("removing the old version %s", folder)
        # Without its graph it is not a version any more, wherever this ends.
        os.remove(folder / GRAPH)
        shutil.rmtree(folder)
        Path(manifest_path(str(folder))).unlink(missing_ok=True)
    return [int(version_of(folder)) for folder in removed]


def _remove_torn(serving: Path, kept: list[str]) -> None:
    """Removes what an earlier call that died has left of a version.

    That has no graph and is older than those that stay; one that is being copied has
    no graph either, but is newer.
    """
    if not kept:
        return
    oldest = int(version_of(kept[0]))
    for folder in serving.iterdir():
        is_old = folder.name.isdecimal() and int(folder.name) < oldest
        if is_old and not (folder / GRAPH).exists():
            shutil.rmtree(folder)
            Path(manifest_path(str(folder))).unlink(missing_ok=True)
