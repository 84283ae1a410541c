"""The rows that are classified: sample texts, and then new ones of their halves."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.processes import run
from benchmarks.session import BenchmarkError

_STEP = 101  # texts from one half to the other, more with each turn
SPLIT = "all"  # of the tf.Examples; TFX's folder of them is named by it


def check_model(folder: Path) -> None:
    """Checks that a SavedModel is there, or a folder of versions.

    Raises:
        BenchmarkError: There is neither.
    """
    if not any(any(folder.glob(f"{at}saved_model.pb")) for at in ("", "*/")):
        raise BenchmarkError(f"there is no model in {folder} (hint: make run)")


def rows_of(texts: Sequence[str], count: int) -> Iterator[tuple[int, str]]:
    """Yields `count` ids and texts; a text ends with its id.

    When all texts have come, each comes again with the second half of another. Copies
    would be cheap for who sorts by length: they share a batch, and so all their words.
    """
    halves = [_halves(text) for text in texts]
    step = _STEP
    while math.gcd(step, len(texts)) > 1:  # each half meets each other one
        step += 1
    for number in range(count):
        turn, place = divmod(number, len(texts))
        end = (place + turn * step) % len(texts)
        yield number, f"{halves[place][0]}{halves[end][1]} {number}"


def _halves(text: str) -> tuple[str, str]:
    """Returns a text in two, between words."""
    middle = text.find(" ", len(text) // 2)
    return (text, "") if middle < 0 else (text[:middle], text[middle:])


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
        """Returns a CSV file with the columns `id` and `text`."""
        path = self._folder / f"{rows}.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("id", "text"))
                writer.writerows(rows_of(self._texts, rows))
        return path

    def examples(self, rows: int) -> Path:
        """Returns a folder with the same rows as tf.Examples, as TFX's nodes pass them.

        Raises:
            NotMeasured: If they cannot be written.
        """
        folder = self._folder / f"{rows}.examples"
        if not folder.exists():
            split = folder / f"Split-{SPLIT}"
            split.mkdir(parents=True)
            # In another process: TensorFlow would make this one large, and the memory
            # of a process that is forked from it seem so.
            worker = [sys.executable, "-m", "benchmarks.batch.workers.examples"]
            files = [self.csv(rows), split / "rows.gz"]
            run([*worker, *files], scratch=self._folder)
        return folder
