"""The texts that are measured on."""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path

from benchmarks.session import BenchmarkError

# The sentence polarity texts (Pang and Lee, 2005), if they lie beside the project.
MOVIE_REVIEWS = Path("../shared/data/labelled/mr")
# The sentiment labelled sentences (Kotzias et al., 2015), likewise.
UCI_SENTENCES = Path("../shared/data/labelled/uci_sentiment_sentences")
# The SMS spam collection (Almeida et al., 2011), likewise.
SMS = Path("../shared/data/labelled/sms_spam/SMSSpamCollection")
SAMPLE = Path("data/sample/movie_reviews.csv")


def read_columns(path: Path, *columns: str) -> list[tuple[str, ...]]:
    """Reads columns of a CSV file, a tuple for each row.

    Raises:
        BenchmarkError: If there is no such file, column or row.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                tuple(row[name] for name in columns) for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise BenchmarkError(
            f"{path} must be a CSV file in UTF-8 with the columns "
            f"{', '.join(columns)}. Received: {error!r}\n"
            f"hint: `make data` fetches {SAMPLE}"
        ) from error
    if not rows:
        raise BenchmarkError(f"{path} must have rows")
    return rows


def read_texts(path: Path) -> list[str]:
    """Reads the column `text` of a CSV file; errors as of `read_columns`."""
    return [text for (text,) in read_columns(path, "text")]


def read_polarity(folder: Path) -> tuple[list[str], list[str]]:
    """Reads rt-polarity.neg and rt-polarity.pos, a sentence a line.

    Raises:
        BenchmarkError: If a file is missing or not UTF-8.
    """
    bad, good = (_lines(folder / f"rt-polarity.{end}") for end in ("neg", "pos"))
    return bad, good


def read_labelled_lines(folder: Path) -> list[tuple[str, str]]:
    """Reads text and label, with a tab between them, of each `*_labelled.txt`.

    Raises:
        BenchmarkError: If there is no such file, or a line without a tab.
    """
    paths = sorted(folder.glob("*_labelled.txt"))
    # Not `splitlines`: some texts hold characters at which it would cut them.
    lines = [line for path in paths for line in _read(path).split("\n") if line.strip()]
    rows = [(text.strip(), label) for text, _, label in map(_at_last_tab, lines)]
    if not rows or not all(map(all, rows)):
        raise BenchmarkError(
            f"{folder} must hold files *_labelled.txt with a tab in each line. "
            f"Received: {len(paths)} files, {len(rows)} lines"
        )
    return rows


def read_tabbed(path: Path) -> list[tuple[str, str]]:
    """Reads label and text, with a tab between them, of each line.

    A line without a tab belongs to the text before: one message of the SMS spam
    collection has a line break.

    Raises:
        BenchmarkError: If there is no such file, or it begins without a tab.
    """
    rows: list[tuple[str, str]] = []
    for line in filter(str.strip, _read(path).split("\n")):
        label, tab, text = line.partition("\t")
        if tab:
            rows.append((label, text))
        elif rows:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line}")
        else:
            raise BenchmarkError(f"{path} must have a tab in its first line")
    return rows


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
    if path.is_dir():  # a bad review, a good one, and so on
        pairs = zip(*read_polarity(path), strict=False)
        texts = list(chain.from_iterable(pairs))
    else:
        texts = read_texts(path) if path.suffix == ".csv" else _lines(path)
    sentences = [tokens for tokens in map(str.split, texts) if tokens]
    if len(sentences) < count:
        raise BenchmarkError(
            f"`--count` must be at most the number of sentences. Received: {count} "
            f"with {len(sentences)} in {path}"
        )
    return path.name, sentences[:count]


def _at_last_tab(line: str) -> tuple[str, str, str]:
    return line.rstrip().rpartition("\t")


def _lines(path: Path) -> list[str]:
    return _read(path).splitlines()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchmarkError(
            f"{path} must be a text file in UTF-8. Received: {error!r}"
        ) from error
