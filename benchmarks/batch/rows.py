"""The rows that are classified: sample texts over and over, no two of them the same."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.errors import BenchmarkError, error_line

SPLIT = "all"  # of the tf.Examples; TFX's folder of them is named by it


def read_texts(path: Path) -> list[str]:
    """Reads the column `text` of a CSV file.

    Raises:
        BenchmarkError: If there is no such file, column or text.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise BenchmarkError(
            "`--data` must be a CSV file with a column text, in UTF-8. "
            f"Received: {path} ({error!r})"
        ) from error
    if not texts:
        raise BenchmarkError(f"`--data` must hold texts. Received: {path}")
    return texts


def numbered(texts: Sequence[str], count: int) -> Iterator[tuple[int, str]]:
    """Yields `count` ids and texts; a text ends with its id."""
    for number, text in enumerate(islice(cycle(texts), count)):
        yield number, f"{text} {number}"


class Inputs:
    """Files with rows, each made when it is first asked for.

    Args:
        folder: Where they lie.
        texts: What the rows are made of.
    """

    def __init__(self, folder: Path, texts: Sequence[str]) -> None:
        self._folder = folder
        self._texts = texts

    def csv(self, rows: int) -> Path:
        """Gives a CSV file with the columns `id` and `text`."""
        path = self._folder / f"{rows}.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("id", "text"))
                writer.writerows(numbered(self._texts, rows))
        return path

    def examples(self, rows: int) -> Path:
        """Gives a folder with the same rows as tf.Examples, as TFX's nodes pass them.

        Raises:
            BenchmarkError: If they cannot be written.
        """
        folder = self._folder / f"{rows}.examples"
        if not folder.exists():
            split = folder / f"Split-{SPLIT}"
            split.mkdir(parents=True)
            # In another process: TensorFlow would make this one large, and the memory
            # of a process that is forked from it seem so.
            worker = [sys.executable, "-m", "benchmarks.batch.workers.examples"]
            done = subprocess.run(
                [*worker, self.csv(rows), split / "rows.gz"],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise BenchmarkError(f"no tf.Examples: {error_line(done.stderr)}")
        return folder
