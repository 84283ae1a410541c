"""The sentences that every contender gets: lists of tokens."""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path

from benchmarks.errors import BenchmarkError

# The sentence polarity texts (Pang and Lee, 2005), if they lie beside the project.
MOVIE_REVIEWS = Path("../shared/data/labelled/mr")
SAMPLE = Path("data/sample/movie_reviews.csv")


def read_sentences(path: Path | None, count: int) -> tuple[str, list[list[str]]]:
    """Reads the first `count` sentences and splits them at white space.

    Args:
        path: A text file with a sentence a line, a CSV file with a column `text`, or
            a folder with rt-polarity.neg and rt-polarity.pos. None takes the sentence
            polarity texts beside the project, else the sample data.
        count: How many; empty ones are passed over.

    Returns:
        The name of the source, and the token lists.

    Raises:
        BenchmarkError: If the source is missing or holds fewer.
    """
    path = path or (MOVIE_REVIEWS if MOVIE_REVIEWS.is_dir() else SAMPLE)
    try:
        lines = _lines(path)
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise BenchmarkError(
            f"`--sentences` must be a text file, a CSV file with a column text, or a "
            f"folder of rt-polarity files, in UTF-8. Received: {path} ({error!r})"
        ) from error
    sentences = [tokens for tokens in (line.split() for line in lines) if tokens]
    if len(sentences) < count:
        raise BenchmarkError(
            f"`--count` must be at most the number of sentences. Received: {count} "
            f"with {len(sentences)} in {path}"
        )
    return path.name, sentences[:count]


def _lines(path: Path) -> list[str]:
    if path.is_dir():
        files = (path / "rt-polarity.neg", path / "rt-polarity.pos")
        pairs = zip(*(_text_lines(file) for file in files), strict=False)
        return list(chain.from_iterable(pairs))  # a bad review, a good one, and so on
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [row["text"] for row in csv.DictReader(file)]
    return _text_lines(path)


def _text_lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()
