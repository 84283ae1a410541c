"""Plain text files as a stream of sentences; memory does not grow with the text."""

from __future__ import annotations

import glob
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_MOST_CHARS = 1 << 20  # read at once, so that memory is bounded
_BREAK = re.compile(r"(?i)(?:<br\s*/?>\s*)+|[\r\n\v\f]+")
# A sentence ends at a full stop, exclamation or question mark, with the quotes and
# brackets that close on it, if white space and something like a beginning follow.
# It is looked for at the first of several marks only: a line of dots would take hours.
_END = re.compile(
    r"(?<![.!?\u2026])(?:[.!?\u2026]+[\"'\u2019\u201d)\]]*)\s+(?=[\"'\u2018\u201c(\[]*[A-Z0-9])"
)
# Web text often lost the space: `... a dull film.The cast ...`.
_GLUED = re.compile(r"(?<=[a-z)][.!?])(?=[A-Z][a-z]* )")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Rev|Lt|Col|Capt|Sgt|Hon|Messrs|"
    r"Mme|No|Vol|vs|etc|e\.g|i\.e|[A-Z])\.$"
)
_LONGEST_ABBREVIATION = 16  # chars, with what stands before it; and more


def find_texts(pattern: str | Iterable[str]) -> list[Path]:
    """Returns the files of a glob pattern (or several), sorted within each, once each.

    Raises:
        FileNotFoundError: If a pattern matches no file.
    """
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    paths: list[Path] = []
    for each in patterns:
        matches = [Path(name) for name in sorted(glob.glob(each, recursive=True))]
        texts = [path for path in matches if path.is_file()]
        if not texts:
            raise FileNotFoundError(
                f"`corpus` must match at least one text file. Received: {each}"
            )
        paths += texts
    return list(dict.fromkeys(paths))


def read_paragraphs(path: Path) -> Iterator[str]:
    """Yields the lines of a UTF-8 text file, plain or packed as .gz or .xz.

    A line of more characters than a book has comes in pieces.

    Raises:
        ValueError: If a packed file is broken.
    """
    if not path.stat().st_size:  # as /proc/kmsg, which would be waited for
        return
    openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
    try:
        with openers.get(path.suffix, open)(path, "rb") as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
            while line := text.readline(_MOST_CHARS):
                if not line.isspace():
                    yield line
    except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"Cannot read the text {path}: {error}") from error


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
            # The last word is enough to see.
            before = max(start, end.start() - _LONGEST_ABBREVIATION)
            if _ABBREVIATION.search(part[before : end.end()].rstrip()):
                continue
            sentences.append(part[start : end.end()].strip())
            start = end.end()
        sentences.append(part[start:].strip())
    return [sentence for sentence in sentences if sentence]
