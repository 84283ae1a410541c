"""Serves an earlier pushed model again, and takes the later ones out of service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import write_whole
from pipeline.metadata.pushed_models import Push, last_of_another_model
from pipeline.metadata.store import store_exists
from pipeline.output_folder import OutputFolder
from pipeline.serving.manifest import (
    check_digests,
    manifest_path,
    read_manifest,
)
from pipeline.serving.publish import (
    claim_version,
    forget_push,
    model_card_path,
    publish,
    remove_version,
)
from pipeline.serving.versions import (
    GRAPH,
    ModelError,
    version_of,
    whole_versions,
)


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
    output: OutputFolder,
    to: int | None,
    *,
    clock: Callable[[], float],
    is_ready: Callable[[], object] = lambda: None,
) -> Rollback:
    """Copies an earlier version to a new, highest number, which servers then take.

    The models that were pushed after it are withdrawn: the next run compares its
    model with the one that is served again, and does not push the others.

    Args:
        output: Held by the caller.
        to: The version to serve again; None: the last one with a model other than
            the served one.
        clock: Returns seconds since 1970; they become the number, as Pusher's do,
            unless a version there has a higher one.
        is_ready: Called when the version is there and only the record is lacking. What
            is interrupted before is undone; after it, the rollback is as good as done.

    Raises:
        ModelError: There is no such version, its files have changed, or no number is
            left above those of the folder.
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
    # Somebody may have put a later one there by hand, which no run knows.
    newest = whole_versions(str(output.serving))[-1]
    target = _target(present, newest, to)
    manifest = manifest_path(target.path)
    check_digests(target.path, read_manifest(manifest))
    later = [push for push in present if push.version > target.version]
    others = [push for push in later if push.model != target.model]
    # A rollback that dies is undone by whatever holds the output next, as a push is:
    # the note says whose the version is until it is recorded.
    execution = records.begin_rollback()
    model = Path(target.path)
    folder = claim_version(output.serving, clock(), str(execution), model)
    card = model_card_path(target.path)
    publish(model, folder)
    try:
        if card.exists():  # else the next run writes both
            write_whole(model_card_path(folder), card.read_bytes())
        is_ready()
        records.record_rollback(
            execution, target.model, str(folder), {push.model for push in others}
        )
    # Whatever it is, as ML Metadata has errors of its own: it goes on, but servers
    # would take what no record knows.
    except Exception:
        with contextlib.suppress(OSError):
            remove_version(folder)
            forget_push(folder)
        raise
    forget_push(folder)
    return Rollback(
        int(folder.name), target.version, tuple(push.version for push in others)
    )


def _nothing_before(present: Sequence[Push], served: str, model: int | None) -> str:
    """Returns why there is nothing to go back to, and which versions there are."""
    same = [push.version for push in present if push.model == model]
    first = "" if same[:1] in ([], [int(served)]) else f", with the model of {same[0]},"
    message = f"version {served}{first} is served, and no earlier model is there to go "
    withdrawn = [str(push.version) for push in present if push.withdrawn]
    if not withdrawn:
        return (
            f"{message}back to. Versions: {', '.join(str(p.version) for p in present)}"
        )
    return (
        f"{message}back to: {', '.join(withdrawn)} "
        f"{'was' if len(withdrawn) == 1 else 'were'} withdrawn by a rollback "
        f"(hint: --to {withdrawn[-1]} serves that model again)"
    )


def _target(present: Sequence[Push], served: str, to: int | None) -> Push:
    known = ", ".join(str(push.version) for push in present)
    model = present[-1].model if present[-1].path == served else None
    if to is None:
        earlier = last_of_another_model(present, model)
        if earlier is None:
            raise ModelError(_nothing_before(present, version_of(served), model))
        return earlier
    for push in present:
        if push.version == to:
            if push.model == model:
                raise ModelError(f"version {to} has the model that is served now")
            return push
    raise ModelError(f"there is no version {to}. Versions: {known}")
