"""Finds the model to use in a folder of versions."""

from __future__ import annotations

import posixpath

import tensorflow as tf

GRAPH = "saved_model.pb"


def newest_model(path: str) -> str | None:
    """Returns the SavedModel folder that a path means, or None.

    Args:
        path: A SavedModel folder, or a folder of versions, of which the highest
            number wins. One without its graph is still being copied: Pusher copies
            that file last.
    """
    path = path.rstrip("/")
    if tf.io.gfile.exists(posixpath.join(path, GRAPH)):
        return path
    graphs = tf.io.gfile.glob(posixpath.join(path, "*", GRAPH))
    versions = [posixpath.dirname(graph) for graph in graphs]
    numbered = [each for each in versions if version_of(each).isdecimal()]
    return max(numbered, key=lambda each: int(version_of(each)), default=None)


def version_of(folder: str) -> str:
    """Returns the name of a model's folder: its version, if it was pushed."""
    return posixpath.basename(folder.rstrip("/"))
