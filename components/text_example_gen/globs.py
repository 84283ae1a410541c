"""What is a wildcard in a pattern, and what is a name that only looks like one."""

from __future__ import annotations

import glob
import os
import re

WILDCARD = re.compile(r"[*?\[]")
_ESCAPED = re.compile(r"\[[*?\[]\]")  # as `glob.escape` writes them


def escape_existing(pattern: str) -> str:
    """Returns a pattern in which folders and files that exist stand for themselves.

    Of `e[1]/*.csv` the first part is a name if there is such a folder, else a wildcard.

    Args:
        pattern: A name or glob; elsewhere than on this machine it stays as it is.
    """
    if "://" in pattern or not WILDCARD.search(pattern):
        return pattern
    parts = pattern.split("/")
    return "/".join(
        glob.escape(part)
        if WILDCARD.search(part) and os.path.lexists("/".join(parts[: place + 1]))
        else part
        for place, part in enumerate(parts)
    )


def has_wildcard(pattern: str) -> bool:
    """Returns whether something in a pattern is more than an escaped name."""
    return WILDCARD.search(_ESCAPED.sub("", pattern)) is not None


def unescape(pattern: str) -> str:
    """Returns the name that an escaped one stands for."""
    return _ESCAPED.sub(lambda match: match[0][1], pattern)
