"""Plain text files as a stream of sentences; memory does not grow with the text."""

from __future__ import annotations

import glob
import gzip
import io
import lzma
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_BREAK = re.compile(r"(?i)(?:<br\s*/?>\s*)+|[\r\n\v\f]+")
# A sentence ends at a full stop, exclamation or question mark, with the quotes and
# brackets that close on it, if white space and something like a beginning follow.
_END = re.compile(
    r"(?:[.!?\u2026]+[\"'\u2019\u201d)\]]*)\s+(?=[\"'\u2018\u201c(\[]*[A-Z0-9])"
)
# Web text often lost the space: `... a dull film.The cast ...`.
_GLUED = re.compile(r"(?<=[a-z)][.!?])(?=[A-Z][a-z]* )")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Rev|Lt|Col|Capt|Sgt|Hon|Messrs|"
    r"Mme|No|Vol|vs|etc|e\.g|i\.e|[A-Z])\.$"
)


def find_texts(pattern: str | Iterable[str]) -> list[Path]:
    """Returns the files of a glob pattern (or several), sorted within each.

    Raises:
        FileNotFoundError: If a pattern matches no file.
    """
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    paths: list[Path] = []
    for each in patterns:
        matches = [Path(name) for name in sorted(glob.glob(each, recursive=True))]
        texts = [path for path in matches if path.is_file() and path not in paths]
        if not texts:
            raise FileNotFoundError(
                f"`corpus` must match at least one text file. Received: {each}"
            )
        paths += texts
    return paths


def read_paragraphs(path: Path) -> Iterator[str]:
    """Yields the lines of a UTF-8 text file, plain or packed as .gz or .xz."""
    openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
    with openers.get(path.suffix, open)(path, "rb") as file:
        for line in io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace"):
            if not line.isspace():
                yield line


def split_sentences(paragraph: str) -> list[str]:
    """Splits a paragraph at the ends of sentences and at HTML line breaks.

    A rule of thumb that needs capitals: after `.`, `!` or `?` with white space, a
    capital or digit must follow, and no title or initial may precede.
    """
    sentences = []
    for part in _BREAK.split(paragraph):
        start = 0
        part = _GLUED.sub(" ", part)
        for end in _END.finditer(part):
            candidate = part[start : end.end()].strip()
            if _ABBREVIATION.search(candidate):
                continue
            sentences.append(candidate)
            start = end.end()
        sentences.append(part[start:].strip())
    return [sentence for sentence in sentences if sentence]
