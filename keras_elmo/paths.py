"""Paths of this machine as every program means them, from any working folder."""

from __future__ import annotations

import os


def absolute(path: str) -> str:
    """Returns a path as an absolute one that means the same.

    `..` after a symbolic link leads to the parent of what that points to, as for the
    operating system; other links stay as they are named.
    """
    path = os.path.join(os.getcwd(), path)
    before, dots, after = (path + "/").rpartition("/../")
    if dots:
        path = os.path.join(os.path.realpath(before + "/.."), after)
    return os.path.normpath(path)
