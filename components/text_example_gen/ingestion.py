"""IngestTexts: the Beam graph from files to split examples, rejects and tallies."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import threading
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf

from components.progress import tell
from components.text_example_gen.counts import (
    REJECTS_WRITTEN,
    WRITTEN,
    Tally,
    TallyDuplicates,
    tally_labelled,
    tally_layout,
    tally_read,
    tally_rejected,
    tally_used,
)
from components.text_example_gen.examples import LABEL, REJECTED_FOLDER, TEXT
from components.text_example_gen.input_files import (
    file_name,
    file_name_bytes,
    has_class_folders,
    match_files,
)
from components.text_example_gen.labelling import REJECTS, KeepKnownLabels, LabelRows
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.layout import Layout
from components.text_example_gen.reading.read_file import read_file
from components.text_example_gen.reading.records import as_dict, is_reject

# What a job leaves in its output folder, beside the examples, for the executor.
STAGING_FOLDER = "unfinished"
TALLIES_FILE = "tallies-00000-of-00001.json"
_TALLIES_PREFIX = "tallies"
_TALLIES = "tallies"  # an output of the reading

_TRAIN = 0  # index of the split whose labels count
_SHARD_BYTES = slice(8, 12)  # of a digest; the first eight decide the split

# Rows read so far in this process, by job: a job may read in several threads.
_rows_read: collections.Counter[str] = collections.Counter()
_rows_lock = threading.Lock()
_ROWS_PER_TELL = 1000

# Opens a path as a context manager that gives an object with `write(bytes)`.
Opener = Callable[[str], contextlib.AbstractContextManager]


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
    """

    pattern: str
    options: ReadOptions
    split_names: tuple[str, ...]
    hash_buckets: tuple[int, ...]
    shards: int
    output: str


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
        read = ReadRecords([plan.pattern], options=plan.options)
        records, unread, files = pbegin | read
        label_rows = beam.ParDo(LabelRows(plan.options, plan.hash_buckets))
        rows, unlabelled = records | "Label" >> label_rows.with_outputs(
            REJECTS, main="rows"
        )
        used, outside = self._keep_known_labels(rows)
        rejects = (unread, unlabelled, outside) | "Rejects" >> beam.Flatten()
        tallies = (
            files,
            records | "TallyRecords" >> beam.Map(tally_read),
            unread | "TallyUnread" >> beam.Map(tally_read),
            rows | "TallyLabelled" >> beam.Map(tally_labelled),
            used | "TallyUsed" >> beam.FlatMap(tally_used, plan.split_names),
            rejects | "TallyRejected" >> beam.FlatMap(tally_rejected),
            used | "TallyDuplicates" >> TallyDuplicates(),
            self._write_examples(used),
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

    def _keep_known_labels(
        self, rows: beam.PCollection
    ) -> tuple[beam.PCollection, beam.PCollection]:
        training_labels = (
            rows
            | "TrainingLabels" >> beam.FlatMap(_training_label)
            | "SetOfLabels" >> beam.combiners.ToSet()
        )
        known = beam.ParDo(KeepKnownLabels(), beam.pvalue.AsSingleton(training_labels))
        used, outside = rows | "KnownLabels" >> known.with_outputs(REJECTS, main="used")
        return used, outside

    def _write_examples(self, used: beam.PCollection) -> beam.PCollection:
        plan = self._plan
        prefixes = [
            f"{plan.output}/Split-{name}/data_tfrecord" for name in plan.split_names
        ]
        return (
            used
            | "ExamplePayloads" >> beam.Map(_example_payload, prefixes, plan.shards)
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


def _training_label(row: dict[str, Any]) -> Iterator[str]:
    if row["split"] == _TRAIN:
        yield row["label"]


def _example_payload(row: dict[str, Any], prefixes: list[str], shards: int) -> Any:
    example = tf.train.Example()
    for name, value in ((TEXT, row["text"]), (LABEL, row["label"])):
        example.features.feature[name].bytes_list.value.append(value.encode("utf-8"))
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
    """

    def __init__(self, patterns: Sequence[str], *, options: ReadOptions) -> None:
        super().__init__()
        if isinstance(patterns, str):
            raise ValueError(
                "`patterns` must be a sequence of patterns. "
                f"Received: {patterns!r}\nhint: patterns=[{patterns!r}]"
            )
        self._patterns = list(patterns)
        self._options = options

    def expand(
        self, pbegin: beam.pvalue.PBegin
    ) -> tuple[beam.PCollection, beam.PCollection, beam.PCollection]:
        """Adds the reading to a pipeline."""
        read_files = beam.ParDo(_ReadFile(self._options))
        read = (
            pbegin
            | "Patterns" >> beam.Create(self._patterns)
            | "Match" >> beam.FlatMap(_match)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> read_files.with_outputs(REJECTS, _TALLIES)
        )
        return read[None], read[REJECTS], read[_TALLIES]


def _match(pattern: str) -> Iterator[tuple[bytes, bool]]:
    in_class_folder = has_class_folders(pattern)
    for file in match_files(pattern):
        yield file_name_bytes(file.path), in_class_folder


class _ReadFile(beam.DoFn):
    def __init__(self, options: ReadOptions) -> None:
        super().__init__()
        self._options = options
        self._job = uuid.uuid4().hex
        self._unreported = 0  # rows

    def process(self, element: tuple[bytes, bool]) -> Iterator[Any]:
        path, in_class_folder = file_name(element[0]), element[1]
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


def open_tfrecord(path: str) -> contextlib.AbstractContextManager:
    """Opens a gzipped TFRecord file for writing."""
    return tf.io.TFRecordWriter(path, options=tf.io.TFRecordOptions("GZIP"))


def open_text(path: str) -> contextlib.AbstractContextManager:
    """Opens a text file for writing bytes."""
    return tf.io.gfile.GFile(path, "wb")


def write_sorted(
    opener: Opener, *, staging: str, suffix: str, shards: int = 1
) -> beam.PTransform:
    """Returns a transform that writes `((prefix, shard), (order, payload))` to files.

    A file is named `<prefix>-<shard>-of-<shards><suffix>`, with five digits each.
    The payloads of a file are sorted by `order`, in memory: choose enough shards. Each
    file is written in `staging` and then moved, so that it appears whole under its
    name or not at all, also if a bundle is retried. The output is `(prefix, payloads
    written)` per file.

    Args:
        opener: `open_tfrecord` or `open_text`.
        staging: Folder for unfinished files, on the same file system as the prefixes.
            The caller removes what a dead worker leaves there.
        suffix: End of the file names.
        shards: Files per prefix.
    """
    write = beam.Map(_write_file, opener, staging, suffix, shards)
    return beam.GroupByKey() | "WriteFiles" >> write


def _write_file(
    element: tuple[tuple[str, int], Iterable[Any]],
    opener: Opener,
    staging: str,
    suffix: str,
    shards: int,
) -> tuple[str, int]:
    (prefix, shard), payloads = element
    path = f"{prefix}-{shard:05d}-of-{shards:05d}{suffix}"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    tf.io.gfile.makedirs(staging)
    unfinished = f"{staging}/{uuid.uuid4().hex}"
    written = 0
    with opener(unfinished) as file:
        for _, payload in sorted(payloads):
            file.write(payload)
            written += 1
    tf.io.gfile.rename(unfinished, path, overwrite=True)
    return prefix, written
