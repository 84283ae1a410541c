"""DivideRows: which rows train and which are held out, class by class.

What shares a split is a unit: the rows of one text, or of one group. A class with few
units gets its exact shares, as a hash could leave it without a test row or, worse,
without a training row. A class with many goes by the hash of each unit alone.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam

from components.text_example_gen.labelling import REJECTS, each_label, labels_of
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.records import as_dict, reject_at

TRAIN = 0  # index of the training split; all others are held out

# With more units than this, a class's shares by hash are off by little: of 1,000 with a
# share of a tenth, one standard deviation is 10.
MOST_EXACT = 1000
_SPLIT_BYTES = 8  # of a unit, which decide its split
_STRATUM_BYTES = 16

_Unit = tuple[bytes, tuple[str, ...]]  # with the labels that its rows have, sorted


class DivideRows(beam.PTransform):
    """Gives rows their final split: `used, rejects = rows | DivideRows(...)`.

    Rows that come with a held-out split keep it. The others are divided among training
    and those held-out splits that no row came with. A row whose label no training row
    has is rejected.

    Memory: 16 bytes and a dictionary's entry for each unit that does not go by its
    hash: at most about a fifth of the units of small classes.

    Args:
        shares: Share of each split; the first is the training split.
        given: Splits that count as such that rows came with, even if none did.
        stratify: Whether small classes get exact shares. Without, a text has the same
            split whatever it comes with, so that several data sets can be used
            together; only a class without a training row is moved to training.
    """

    def __init__(
        self, shares: Sequence[int], *, given: Collection[int] = (), stratify: bool
    ) -> None:
        super().__init__()
        self._shares = tuple(shares)
        self._given = frozenset(given)
        self._stratify = stratify

    def expand(
        self, rows: beam.PCollection
    ) -> tuple[beam.PCollection, beam.PCollection]:
        """Adds the division to a pipeline."""
        given = beam.pvalue.AsSingleton(
            rows
            | "GivenSplits" >> beam.FlatMap(_given_split)
            | "SetOfSplits" >> beam.combiners.ToSet()
            | "AndGiven" >> beam.Map(self._given.union)
        )
        units = (
            rows
            | "LabelsOfUnit" >> beam.FlatMap(_unit_and_label)
            | "Units" >> beam.CombinePerKey(_Labels())
        )
        moves = self._small_classes if self._stratify else self._untrained_classes
        moved = beam.pvalue.AsSingleton(
            moves(units, given) | "Moved" >> beam.combiners.ToDict()
        )
        trained = beam.pvalue.AsSingleton(
            units
            | "TrainedLabels" >> beam.FlatMap(_trained, self._shares, given, moved)
            | "SetOfLabels" >> beam.combiners.ToSet()
        )
        divide = beam.ParDo(_Divide(self._shares), given, moved, trained)
        used, outside = rows | "Divide" >> divide.with_outputs(REJECTS, main="used")
        return used, outside

    def _small_classes(
        self, units: beam.PCollection, given: beam.pvalue.AsSingleton
    ) -> beam.PCollection:
        return (
            units
            | "ByStratum" >> beam.Map(_by_stratum)
            | "FewUnits" >> beam.CombinePerKey(_FewUnits())
            | "ExactShares" >> beam.FlatMap(_exact_moves, self._shares, given)
        )

    def _untrained_classes(
        self, units: beam.PCollection, given: beam.pvalue.AsSingleton
    ) -> beam.PCollection:
        hashed = beam.pvalue.AsSingleton(
            units
            | "HashedLabels" >> beam.FlatMap(_trained, self._shares, given, {})
            | "SetOfHashed" >> beam.combiners.ToSet()
        )
        return units | "Untrained" >> beam.FlatMap(_to_training, hashed)


def open_shares(shares: Sequence[int], given: Collection[int]) -> list[int]:
    """Returns the shares of the rows that come without a split.

    Args:
        shares: Of all splits; the first is the training split.
        given: The splits that rows came with: what they would get stays in training.
    """
    taken = {split for split in given if split != TRAIN}
    left = [0 if split in taken else share for split, share in enumerate(shares)]
    left[TRAIN] += sum(shares[split] for split in taken)
    return left


class Hashed:
    """Says which split a unit has by its first bytes alone.

    Args:
        shares: Of each split.
    """

    def __init__(self, shares: Sequence[int]) -> None:
        self._bounds = list(itertools.accumulate(shares))

    def bucket(self, unit: bytes) -> int:
        """Returns where in the shares, one after the other, a unit lies."""
        return int.from_bytes(unit[:_SPLIT_BYTES], "big") % self._bounds[-1]

    def split(self, unit: bytes) -> int:
        """Returns the split of a unit."""
        return bisect.bisect(self._bounds, self.bucket(unit))


@functools.lru_cache(maxsize=16)
def _hashed(shares: tuple[int, ...], given: frozenset[int]) -> Hashed:
    return Hashed(open_shares(shares, given))


def exact_numbers(units: int, shares: Sequence[int]) -> list[int]:
    """Returns how many units of a class each split gets.

    Rounded, but each with a share gets one at least: training first, then the last
    split, which is the one that tests.
    """
    total = sum(shares)
    numbers = [
        max(1, (2 * units * share + total) // (2 * total)) if share else 0
        for share in shares
    ]
    numbers[TRAIN] = 0
    while sum(numbers) > units - 1:
        numbers[numbers.index(max(numbers))] -= 1
    numbers[TRAIN] = units - sum(numbers)
    return numbers


def _given_split(row: Mapping[str, Any]) -> Iterator[int]:
    if row["split"] != TRAIN:
        yield row["split"]


def _unit_and_label(row: Mapping[str, Any]) -> Iterator[tuple[bytes, str]]:
    if row["split"] == TRAIN:
        yield row["unit"], row["label"]


class _Labels(beam.CombineFn):
    """The different labels of a unit: nearly always one."""

    def create_accumulator(self) -> tuple[str, ...]:
        return ()

    def add_input(self, accumulator: tuple[str, ...], element: str) -> tuple[str, ...]:
        return accumulator if element in accumulator else (*accumulator, element)

    def merge_accumulators(
        self, accumulators: Iterable[tuple[str, ...]]
    ) -> tuple[str, ...]:
        return tuple(dict.fromkeys(itertools.chain(*accumulators)))

    def extract_output(self, accumulator: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(accumulator))


def _by_stratum(unit: _Unit) -> tuple[bytes, bytes]:
    """Units with the same labels are divided together."""
    return _stratum(unit[1]), unit[0]


@functools.lru_cache(maxsize=4096)
def _stratum(labels: tuple[str, ...]) -> bytes:
    name = "\0".join(labels).encode("utf-8")  # no label has a NUL
    return hashlib.blake2b(name, digest_size=_STRATUM_BYTES).digest()


class _FewUnits(beam.CombineFn):
    """The units of a stratum; none if they are more than `MOST_EXACT`."""

    def create_accumulator(self) -> list[bytes] | None:
        return []

    def add_input(
        self, accumulator: list[bytes] | None, element: bytes
    ) -> list[bytes] | None:
        if accumulator is None or len(accumulator) == MOST_EXACT:
            return None
        accumulator.append(element)
        return accumulator

    def merge_accumulators(
        self, accumulators: Iterable[list[bytes] | None]
    ) -> list[bytes] | None:
        merged: list[bytes] = []
        for accumulator in accumulators:
            if accumulator is None or len(merged) + len(accumulator) > MOST_EXACT:
                return None
            merged += accumulator
        return merged

    def extract_output(self, accumulator: list[bytes] | None) -> list[bytes]:
        return accumulator or []


def _exact_moves(
    stratum: tuple[bytes, list[bytes]], shares: tuple[int, ...], given: frozenset[int]
) -> Iterator[tuple[bytes, int]]:
    """Yields the units that their exact shares take from the split of their hash."""
    if not stratum[1]:
        return
    hashed = _hashed(shares, given)
    # In the order in which the hash would divide them, so that few are moved.
    ordered = sorted(stratum[1], key=lambda unit: (hashed.bucket(unit), unit))
    numbers = exact_numbers(len(ordered), open_shares(shares, given))
    bounds = list(itertools.accumulate(numbers))
    for place, unit in enumerate(ordered):
        split = bisect.bisect(bounds, place)
        if split != hashed.split(unit):
            yield unit, split


def _to_training(unit: _Unit, trained: set[str]) -> Iterator[tuple[bytes, int]]:
    if not trained.issuperset(_each_label(unit)):
        yield unit[0], TRAIN


def _trained(
    unit: _Unit,
    shares: tuple[int, ...],
    given: frozenset[int],
    moved: Mapping[bytes, int],
) -> Iterator[str]:
    """Yields the labels of a unit that is trained on."""
    if _split_of(unit[0], shares, given, moved) == TRAIN:
        yield from _each_label(unit)


def _split_of(
    unit: bytes,
    shares: tuple[int, ...],
    given: frozenset[int],
    moved: Mapping[bytes, int],
) -> int:
    split = moved.get(unit)
    return _hashed(shares, given).split(unit) if split is None else split


def _each_label(unit: _Unit) -> Iterator[str]:
    return itertools.chain.from_iterable(map(each_label, unit[1]))


class _Divide(beam.DoFn):
    def __init__(self, shares: tuple[int, ...]) -> None:
        super().__init__()
        self._shares = shares

    def process(
        self,
        element: dict[str, Any],
        given: frozenset[int],
        moved: Mapping[bytes, int],
        trained: set[str],
    ) -> Iterator[Any]:
        new = [each for each in labels_of(element) if each not in trained]
        if new:
            outside = reject_at(
                element["source"],
                element["position"],
                reasons.LABEL_OUTSIDE_TRAINING,
                f"no training row has the label {new[0]!r}",
                element["text"],
            )
            yield beam.pvalue.TaggedOutput(REJECTS, as_dict(outside))
            return
        split = element["split"]
        if split == TRAIN:
            split = _split_of(element["unit"], self._shares, given, moved)
        yield {**element, "split": split}
