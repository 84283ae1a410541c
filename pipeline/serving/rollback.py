"""Serves an earlier pushed model again, and takes the later ones out of service."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import replace_when_done
from pipeline.metadata.pushed_models import Push
from pipeline.metadata.store import store_exists
from pipeline.output_folder import OutputFolder
from pipeline.serving.manifest import (
    check_digests,
    manifest_path,
    read_manifest,
    write_manifest,
)
from pipeline.serving.versions import GRAPH, ModelError


@dataclass(frozen=True)
class Rollback:
    """What a rollback did.

    Args:
        version: The new version, whose model is that of `restored`.
        restored: The earlier version that is served again.
        withdrawn: Versions whose models no run will compare with or push.
    """

    version: int
    restored: int
    withdrawn: tuple[int, ...]


def roll_back(
    output: OutputFolder, to: int | None, *, clock: Callable[[], float]
) -> Rollback:
    """Copies an earlier version to a new, highest number, which servers then take.

    The models that were pushed after it are withdrawn: the next run compares its
    model with the one that is served again, and does not push the others.

    Args:
        output: Held by the caller.
        to: The version to serve again; None: the last one with a model other than
            the served one.
        clock: Returns seconds since 1970; they become the number, as Pusher's do.

    Raises:
        ModelError: There is no such version, or its files have changed.
    """
    if not store_exists(output.metadata):
        raise ModelError(f"no run has written into {output.path}")
    records = output.open_metadata().pushed
    present = [
        push
        for push in records.pushes()
        if Path(push.path).parent == output.serving and Path(push.path, GRAPH).exists()
    ]
    if not present:
        raise ModelError(f"no pushed version lies in {output.serving}")
    target = _target(present, to)
    manifest = manifest_path(target.path)
    check_digests(target.path, read_manifest(manifest))
    later = [push for push in present if push.version > target.version]
    others = [push for push in later if push.model != target.model]
    # In this order a rollback that dies can be repeated: until the copy is there, the
    # served version is the one to leave.
    records.withdraw({push.model for push in others}, but=target.model)
    version = max(int(clock()), present[-1].version + 1)
    folder = output.serving / str(version)
    # Servers look for folders named by a number: they see the copy when it is whole.
    with replace_when_done(folder) as unfinished:
        shutil.copytree(target.path, unfinished)
    write_manifest(str(folder), manifest_path(str(folder)))
    records.record_rollback(target.model, str(folder))
    return Rollback(version, target.version, tuple(push.version for push in others))


def _target(present: Sequence[Push], to: int | None) -> Push:
    served = present[-1]
    known = ", ".join(str(push.version) for push in present)
    if to is None:
        earlier = [p for p in present if p.model != served.model and not p.withdrawn]
        if not earlier:
            raise ModelError(
                f"version {served.version} is served, and no earlier model is there to "
                f"go back to. Versions: {known}"
            )
        return earlier[-1]
    for push in present:
        if push.version == to:
            if push.model == served.model:
                raise ModelError(f"version {to} has the model that is served now")
            return push
    raise ModelError(f"there is no version {to}. Versions: {known}")
