"""IngestTexts: the Beam graph from files to split examples, rejects and tallies."""

from __future__ import annotations

import collections
import dataclasses
import json
import threading
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf

from components.progress import tell
from components.text_example_gen.counts import (
    REJECTS_WRITTEN,
    VALUES,
    WRITTEN,
    Tally,
    TallyDuplicates,
    tally_labelled,
    tally_layout,
    tally_read,
    tally_rejected,
    tally_used,
)
from components.text_example_gen.examples import (
    LABEL,
    REJECTED_FOLDER,
    ROW_POSITION,
    ROW_SOURCE,
    SLICES,
    TEXT,
)
from components.text_example_gen.input_files import (
    class_folder,
    data_files,
    file_name,
    file_name_bytes,
)
from components.text_example_gen.labelling import REJECTS, LabelRows, labels_of
from components.text_example_gen.notes import MOST_SLICES
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.reading.layout import Layout
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import as_dict, is_reject
from components.text_example_gen.splitting import TRAIN, DivideRows
from components.text_example_gen.writing import (
    Opener,
    open_text,
    open_tfrecord,
    write_sorted,
)

# What a job leaves in its output folder, beside the examples, for the executor.
STAGING_FOLDER = "unfinished"
TALLIES_FILE = "tallies-00000-of-00001.json"
_TALLIES_PREFIX = "tallies"
_TALLIES = "tallies"  # an output of the reading

_SHARD_BYTES = slice(8, 12)  # of a digest; the first eight decide the split

# Rows read so far in this process, by job: a job may read in several threads.
_rows_read: collections.Counter[str] = collections.Counter()
_rows_lock = threading.Lock()
_ROWS_PER_TELL = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class IngestPlan:
    """What `IngestTexts` reads and writes.

    Args:
        pattern: The files.
        options: How to read them.
        split_names: The first is the training split.
        hash_buckets: Share of each split.
        shards: Files per split, and of rejects.
        output: Folder that gets `Split-<name>/`, `rejected/` and the tallies.
        columns: Further columns that rows have.
        held_out: Files of rows that are held out: index of their split, and pattern.
            They are not read as files of `pattern`, nor those of a later one as files
            of an earlier one.
        stratify: As in `DivideRows`.
        keep_position: Whether examples say where in the data their row stands.
        corrections: As in `LabelRows`.
    """

    pattern: str
    options: ReadOptions
    split_names: tuple[str, ...]
    hash_buckets: tuple[int, ...]
    shards: int
    output: str
    columns: RowColumns = RowColumns()
    held_out: tuple[tuple[int, str], ...] = ()
    stratify: bool = True
    keep_position: bool = False
    corrections: Mapping[tuple[bytes, str], str] = dataclasses.field(
        default_factory=dict
    )


class IngestTexts(beam.PTransform):
    """Reads, labels, splits and writes: every row ends in a split or among the rejects.

    It leaves nothing but files. The tallies, of which `Counts` is made, are one JSON
    list of `[key, number]` in `TALLIES_FILE`. The examples of a file are sorted by the
    hash of their text: the same input gives the same files, and classes are mixed.
    """

    def __init__(self, plan: IngestPlan) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Adds the whole way to a pipeline."""
        plan = self._plan
        records, unread, files, rows, unlabelled = self._read(pbegin)
        used, outside = rows | "DivideRows" >> DivideRows(
            plan.hash_buckets,
            given=[split for split, _ in plan.held_out],
            stratify=plan.stratify,
        )
        rejects = (unread, unlabelled, outside) | "Rejects" >> beam.Flatten()
        tallies = (
            files,
            records | "TallyRecords" >> beam.Map(tally_read),
            unread | "TallyUnread" >> beam.Map(tally_read),
            rows | "TallyLabelled" >> beam.FlatMap(tally_labelled, plan.split_names),
            used | "TallyUsed" >> beam.FlatMap(tally_used, plan.split_names),
            rejects | "TallyRejected" >> beam.FlatMap(tally_rejected),
            used | "TallyDuplicates" >> TallyDuplicates(),
            *self._write_examples(used),
            self._write_rejects(rejects),
        )
        return (
            tallies
            | "Tallies" >> beam.Flatten()
            | "SumTallies" >> beam.CombinePerKey(sum)
            | "GatherTallies" >> beam.combiners.ToList()
            | "TalliesPayload" >> beam.Map(_tallies_payload, plan.output)
            | "WriteTallies" >> self._write_sorted(open_text, ".json", shards=1)
        )

    def _read(self, pbegin: beam.pvalue.PBegin) -> tuple[beam.PCollection, ...]:
        """Returns records, their rejects and tallies; rows, and their rejects."""
        plan = self._plan
        patterns = [(TRAIN, plan.pattern), *plan.held_out]
        parts = []
        for place, (split, pattern) in enumerate(patterns):
            of_rows = split == TRAIN
            columns = plan.columns if of_rows else plan.columns.of_held_out()
            options = columns.added_to(plan.options)
            later = [other for _, other in patterns[place + 1 :]]
            name = plan.split_names[split]
            records, unread, files = pbegin | f"Read {name}" >> ReadRecords(
                [pattern], options=options, without=later
            )
            label_rows = beam.ParDo(
                LabelRows(options, columns, split=split, corrections=plan.corrections)
            )
            rows, unlabelled = records | f"Label {name}" >> label_rows.with_outputs(
                REJECTS, main="rows"
            )
            parts.append((records, unread, files, rows, unlabelled))
        if len(parts) == 1:
            return parts[0]
        return tuple(
            of_all | f"Flatten {place}" >> beam.Flatten()
            for place, of_all in enumerate(zip(*parts, strict=True))
        )

    def _write_examples(self, used: beam.PCollection) -> Iterator[beam.PCollection]:
        """Yields the tallies of what is written, and of the columns that are kept."""
        plan = self._plan
        prefixes = [
            f"{plan.output}/Split-{name}/data_tfrecord" for name in plan.split_names
        ]
        kept, sides = plan.columns.keep, []
        if kept:
            values = (
                used
                | "KeptValues" >> beam.FlatMap(_kept_values, kept)
                | "CountValues" >> beam.combiners.Count.PerElement()
            )
            frequent = (
                values
                | "ByColumn" >> beam.Map(_by_column)
                | "MostFrequent" >> beam.combiners.Top.PerKey(MOST_SLICES)
                | "SetOfFrequent" >> beam.FlatMap(_values_of_column)
                | "FrequentValues" >> beam.combiners.ToSet()
            )
            sides.append(beam.pvalue.AsSingleton(frequent))
            yield values | "TallyValues" >> beam.Map(_tally_value)
        payloads = beam.Map(
            _example_payload, prefixes, plan.shards, kept, plan.keep_position, *sides
        )
        yield (
            used
            | "ExamplePayloads" >> payloads
            | "WriteExamples" >> self._write_sorted(open_tfrecord, ".gz", plan.shards)
            | "TallyWritten" >> beam.Map(_tally_written, WRITTEN)
        )

    def _write_rejects(self, rejects: beam.PCollection) -> beam.PCollection:
        plan = self._plan
        prefix = f"{plan.output}/{REJECTED_FOLDER}/rejected"
        return (
            rejects
            | "RejectPayloads" >> beam.Map(_reject_payload, prefix, plan.shards)
            | "WriteRejects" >> self._write_sorted(open_text, ".jsonl", plan.shards)
            | "TallyRejectsWritten" >> beam.Map(_tally_written, REJECTS_WRITTEN)
        )

    def _write_sorted(
        self, opener: Opener, suffix: str, shards: int
    ) -> beam.PTransform:
        staging = f"{self._plan.output}/{STAGING_FOLDER}"
        return write_sorted(opener, staging=staging, suffix=suffix, shards=shards)


def _kept_values(row: dict[str, Any], kept: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from zip(kept, row["kept"], strict=True)


def _by_column(
    counted: tuple[tuple[str, str], int],
) -> tuple[str, tuple[int, str]]:
    (column, value), number = counted
    return column, (number, value)


def _values_of_column(
    column: tuple[str, list[tuple[int, str]]],
) -> Iterator[tuple[str, str]]:
    for _, value in column[1]:
        yield column[0], value


def _tally_value(counted: tuple[tuple[str, str], int]) -> Tally:
    return (VALUES, counted[0][0]), 1


def _example_payload(
    row: dict[str, Any],
    prefixes: list[str],
    shards: int,
    kept: Sequence[str] = (),
    keep_position: bool = False,
    frequent: Collection[tuple[str, str]] = (),
) -> Any:
    """Returns the example of a row, and where it belongs.

    Args:
        row: A `labelling.Row`.
        prefixes: Of the files of each split.
        shards: Files per split.
        kept: Names of the columns that are kept.
        keep_position: Whether to say where the row stands.
        frequent: The most frequent of their values: column and value each.
    """
    values = {TEXT: [row["text"]], LABEL: labels_of(row)}
    for name, value in zip(kept, row["kept"], strict=True):
        values[name] = [value]
        if (name, value) in frequent:
            values.setdefault(SLICES, []).append(f"{name}={value}")
    example = tf.train.Example()
    for name, of_feature in values.items():
        data = [value.encode("utf-8") for value in of_feature]
        example.features.feature[name].bytes_list.value.extend(data)
    if keep_position:
        source = row["source"].encode("utf-8")
        example.features.feature[ROW_SOURCE].bytes_list.value.append(source)
        example.features.feature[ROW_POSITION].int64_list.value.append(row["position"])
    shard = int.from_bytes(row["digest"][_SHARD_BYTES], "big") % shards
    order = (row["digest"], row["source"], row["position"])
    payload = example.SerializeToString(deterministic=True)
    return (prefixes[row["split"]], shard), (order, payload)


def _reject_payload(reject: dict[str, Any], prefix: str, shards: int) -> Any:
    order = (reject["source"], reject["position"], reject["reason"])
    shard = zlib.crc32(f"{order[:2]}".encode()) % shards
    payload = _json_line(reject)
    return (prefix, shard), (order, payload)


def _tallies_payload(tallies: list[Tally], output: str) -> Any:
    return (f"{output}/{_TALLIES_PREFIX}", 0), (0, _json_line(sorted(tallies)))


def _json_line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"


def _tally_written(file: tuple[str, int], name: str) -> Tally:
    prefix, written = file
    return (name, prefix), written


class ReadRecords(beam.PTransform):
    """Reads all files of some patterns.

    It returns records, rejects and tallies: `records, rejects, tallies = p | ...`.

    Files are read side by side, each one as a stream. A record is a `records.Record`,
    a reject a `records.Reject`. A file that cannot be read to its end yields one reject
    with position 0 and does not stop the others: the caller decides what that means.
    The tallies say how many files are written in which way (`counts.LAYOUT`).

    Args:
        patterns: Files or globs, on any file system Beam knows. A pattern that matches
            no file yields nothing: call `check_data` before.
        options: How to read them.
        without: Files or globs whose files are left out.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        *,
        options: ReadOptions,
        without: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if isinstance(patterns, str):
            raise ValueError(
                "`patterns` must be a sequence of patterns. "
                f"Received: {patterns!r}\nhint: patterns=[{patterns!r}]"
            )
        self._patterns = list(patterns)
        self._options = options
        self._without = list(without)

    def expand(
        self, pbegin: beam.pvalue.PBegin
    ) -> tuple[beam.PCollection, beam.PCollection, beam.PCollection]:
        """Adds the reading to a pipeline."""
        read_files = beam.ParDo(_ReadFile(self._options))
        read = (
            pbegin
            | "Patterns" >> beam.Create(self._patterns)
            | "Match" >> beam.FlatMap(_match, self._options.format, self._without)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> read_files.with_outputs(REJECTS, _TALLIES)
        )
        return read[None], read[REJECTS], read[_TALLIES]


def _match(
    pattern: str, format_name: str, without: list[str]
) -> Iterator[tuple[bytes, bytes]]:
    """Yields files, and the class folders that they lie in."""
    for file in data_files(pattern, format_name, without=without).files:
        folder = class_folder(pattern, file.path)
        yield file_name_bytes(file.path), file_name_bytes(folder)


class _ReadFile(beam.DoFn):
    def __init__(self, options: ReadOptions) -> None:
        super().__init__()
        self._options = options
        self._job = uuid.uuid4().hex
        self._unreported = 0  # rows

    def process(self, element: tuple[bytes, bytes]) -> Iterator[Any]:
        path, in_class_folder = map(file_name, element)
        layouts: list[Layout] = []
        for item in read_file(
            path,
            self._options,
            in_class_folder=in_class_folder,
            on_layout=layouts.append,
        ):
            if is_reject(item):
                yield beam.pvalue.TaggedOutput(REJECTS, as_dict(item))
            else:
                yield as_dict(item)
            self._unreported += 1
            if self._unreported >= _ROWS_PER_TELL:
                self._tell()
        for layout in layouts:
            yield beam.pvalue.TaggedOutput(_TALLIES, tally_layout(layout))

    def finish_bundle(self) -> None:
        self._tell()

    def _tell(self) -> None:
        # Under the lock, so that the numbers only rise.
        with _rows_lock:
            _rows_read[self._job] += self._unreported
            tell("rows", _rows_read[self._job])
        self._unreported = 0
