"""Which files a result had when it was made, and which results have lost some.

TFX takes a node's result from its cache as long as its folder is there, and the node
that reads it fails on what is not in it. A folder that was copied in part, or emptied,
is found here before anything runs.

Then names and sizes are compared, not contents: those are read only where a node has
failed, and the reason may be what it read. All that lies in contexts of our own: a
property of the artifact would change the keys of TFX's cache.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from pipeline.files import crc32_of

_CONTEXT = "elmo_tfx.Files"  # its name is the number of the artifact
_FILES = "files"
_LIVE = metadata_store_pb2.Artifact.LIVE
# Results made before there were inventories: these may have no file at all.
_MAY_BE_EMPTY = ("PushedModel", "TransformCache")


@dataclass(frozen=True)
class Missing:
    """A result that is recorded and is not there, or not whole.

    Attributes:
        artifact: Its number in ML Metadata.
        path: Its folder.
        lacks: The first file that it lacks, or has with other content, by its path in
            the folder; empty: all.
    """

    artifact: int
    path: str
    lacks: str = ""


class Inventory:
    """The files of results, as ML Metadata has them.

    Args:
        store: Of ML Metadata.
    """

    def __init__(self, store: mlmd.MetadataStore) -> None:
        self._store = store

    def note(self, folders: Iterable[str]) -> None:
        """Notes which files results have, unless that was noted before.

        Args:
            folders: Of results of a node that has ended well, on this machine.
        """
        kind = metadata_store_pb2.ContextType(name=_CONTEXT)
        type_id = self._store.put_context_type(kind)
        contexts = []
        for folder in folders:
            for artifact in self._store.get_artifacts_by_uri(folder):
                name = str(artifact.id)
                if self._store.get_context_by_type_and_name(_CONTEXT, name) is None:
                    context = metadata_store_pb2.Context(type_id=type_id, name=name)
                    text = json.dumps(_files(folder))
                    context.custom_properties[_FILES].string_value = text
                    contexts.append(context)
        self._store.put_contexts(contexts)

    def missing(self, root: Path) -> list[Missing]:
        """Returns the results below a folder that are not whole, in their order."""
        noted = {
            context.name: context.custom_properties[_FILES].string_value
            for context in self._store.get_contexts_by_type(_CONTEXT)
        }
        missing = []
        for artifact in self._store.get_artifacts():
            if artifact.state == _LIVE and artifact.uri.startswith(f"{root}/"):
                text = noted.get(str(artifact.id))
                if text is not None:
                    lacks = _lacks(artifact.uri, json.loads(text))
                else:
                    may_be_empty = artifact.type in _MAY_BE_EMPTY
                    is_there = may_be_empty or any(_walk(artifact.uri))
                    lacks = None if is_there else ""
                if lacks is not None:
                    missing.append(Missing(artifact.id, artifact.uri, lacks))
        return missing

    def damaged(self, folders: Iterable[str]) -> list[Missing]:
        """Returns those results of which a file has not the content that it had.

        All their files are read. Of results of an earlier version it is not known.

        Args:
            folders: Of results on this machine.
        """
        damaged = []
        for folder in folders:
            for artifact in self._store.get_artifacts_by_uri(folder):
                context = self._store.get_context_by_type_and_name(
                    _CONTEXT, str(artifact.id)
                )
                if context is None:
                    continue
                files = json.loads(context.custom_properties[_FILES].string_value)
                name = _changed(folder, files)
                if name is not None:
                    damaged.append(Missing(artifact.id, folder, name))
        return damaged

    def count_as_not_made(self, missing: Iterable[Missing]) -> None:
        """Sees to it that no node takes these results, and that theirs run again."""
        numbers = [each.artifact for each in missing]
        artifacts = self._store.get_artifacts_by_id(numbers)
        for artifact in artifacts:
            artifact.state = metadata_store_pb2.Artifact.DELETED
        self._store.put_artifacts(artifacts)


def _files(folder: str) -> dict[str, Any]:
    """Returns path in the folder -> size in bytes and CRC-32, of each file."""
    return {
        os.path.relpath(path, folder): [os.stat(path).st_size, crc32_of(path)]
        for path in _walk(folder)
    }


def _changed(folder: str, files: Mapping[str, Any]) -> str | None:
    """Returns the first file with other content, or None."""
    for name, facts in files.items():
        path = os.path.join(folder, name)
        try:
            if not isinstance(facts, int) and crc32_of(path) != facts[1]:
                return name
        except OSError:
            return name
    return None


def _walk(folder: str) -> Iterable[str]:
    for directory, _, names in os.walk(folder):
        yield from (os.path.join(directory, name) for name in names)


def _lacks(folder: str, files: Mapping[str, Any]) -> str | None:
    """Returns the first file that is gone or shorter, or None; empty: all are gone.

    Args:
        folder: Of the result.
        files: What `_files` returned; an earlier version noted sizes alone.
    """
    if files and not any(_walk(folder)):
        return ""
    for name, facts in files.items():
        size = facts if isinstance(facts, int) else facts[0]
        try:
            if os.stat(os.path.join(folder, name)).st_size < size:
                return name
        except OSError:
            return name
    return None
