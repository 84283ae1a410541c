"""Second stage: scores the rows of chunks, in batches of like length.

A row that the model cannot score fails alone, whatever batch it is in.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypedDict

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import Metrics

from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.records import Reject
from pipeline.batch.done import note, noted
from pipeline.batch.formats.formats import suffix, write_part
from pipeline.batch.formats.table import Table
from pipeline.batch.rejects import RejectLines
from pipeline.batch.splitting import Chunk, ChunkRow, read_chunk
from pipeline.batch.staging import METRICS, PARTS, REJECTED, BatchJob

# Rows and bytes (rows times the longest of them) of a batch. A classifier's throughput
# hardly rises beyond these, its memory does. Bytes, as tokens of Chinese are characters
# of three, where those of English have five.
_BATCH_ROWS = 512
_BATCH_BYTES = 2**17

CUT = "text_is_cut"
"""Column that says whether a text had more tokens than the model reads."""


class Scorer(Protocol):
    """Says with which model texts are scored.

    It travels to the workers: it must be picklable, and hold no model itself.
    """

    @property
    def fields(self) -> dict[str, str]:
        """The columns that it adds, name to `Kind`."""

    def load(self) -> Score:
        """Returns the model, which a process loads once for all its threads.

        Raises:
            ModelError: It cannot be used, or is not the one that was inspected.
        """

    def tally(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Counts what the summary says of rows with the added columns."""


class Score(Protocol):
    """A loaded model."""

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Returns the added columns of each text.

        Raises:
            tf.errors.OpError: It cannot score one of the texts.
        """


def once_per_process(load: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps what `load` returned last; threads that ask meanwhile wait for it."""
    cached = functools.lru_cache(maxsize=1)(load)
    lock = threading.Lock()

    @functools.wraps(load)
    def call(*arguments: Any) -> Any:
        with lock:
            return cached(*arguments)

    return call


class PartRecord(TypedDict):
    """What became of a chunk."""

    name: str  # of the chunk
    part: str | None  # path of the scored rows, if there are any
    size_bytes: int
    rows_out: int
    rejected: str | None  # path of the rejects, if there are any
    reasons: Mapping[str, int]  # rejected rows by reason
    tallies: dict[str, int]  # what the scorer counts


class ScoreChunks(beam.DoFn):
    """Scores a chunk, writes it as a part of the output and yields a `PartRecord`.

    A chunk that was scored before is not scored again. The model is loaded once per
    process, however many threads and bundles it has.
    """

    def __init__(self, job: BatchJob, scorer: Scorer) -> None:
        super().__init__()
        self._job = job
        self._scorer = scorer
        self._rows_out = Metrics.counter(METRICS, "rows_out")
        self._rows_rejected = Metrics.counter(METRICS, "rows_rejected")

    def process(
        self, element: Chunk, columns: Mapping[str, str]
    ) -> Iterator[PartRecord]:
        # `JobProgress` reads the number of rows off the names of these files.
        name = f"{element['name']}.{element['rows']}.json"
        record_path = self._job.path(PARTS, name)
        record: PartRecord | None = noted(record_path)
        if record is None:
            record = self._score(element, self._scorer.load(), columns)
            note(record_path, record, [record["part"], record["rejected"]])
        self._rows_out.inc(record["rows_out"])
        self._rows_rejected.inc(element["rows"] - record["rows_out"])
        yield record

    def _score(
        self, chunk: Chunk, score: Score, columns: Mapping[str, str]
    ) -> PartRecord:
        rows = read_chunk(chunk["path"])
        results = score_rows(score, [row.text for row in rows])
        good = []
        with RejectLines() as rejects:
            for row, result in zip(rows, results, strict=True):
                if isinstance(result, Failure):
                    rejects.add(_reject(row, result))
                else:
                    good.append({**row.columns, **result})
            rejected = rejects.write(
                self._job.path(REJECTED, f"part-{chunk['name']}.jsonl")
            )
        path, size_bytes = None, 0
        if good:
            request = self._job.request
            path = self._job.path(PARTS, chunk["name"] + suffix(request.format))
            kinds = {**columns, **self._scorer.fields}
            table = Table(kinds, good, request.options.key_column)
            size_bytes = write_part(request.format, path, table)
        return PartRecord(
            name=chunk["name"],
            part=path,
            size_bytes=size_bytes,
            rows_out=len(good),
            rejected=rejected,
            reasons=rejects.reasons,
            tallies=self._scorer.tally(good),
        )


class Failure(str):
    """The model's message about a row that it could not score."""


def score_rows(score: Score, texts: Sequence[str]) -> list[dict[str, Any] | Failure]:
    """Scores texts of any lengths; returns the results in the order of the texts."""
    results: list[Any] = [None] * len(texts)
    for batch in batches(texts):
        scored = _score_or_halve(score, [texts[row] for row in batch])
        for row, result in zip(batch, scored, strict=True):
            results[row] = result
    return results


def batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Yields the places of texts of like length, longest first, batch by batch."""
    batch: list[int] = []
    longest = 0
    sizes = [len(text.encode("utf-8", "replace")) for text in texts]
    for row in sorted(range(len(texts)), key=lambda row: -sizes[row]):
        if batch and (
            len(batch) == _BATCH_ROWS or (len(batch) + 1) * longest > _BATCH_BYTES
        ):
            yield batch
            batch = []
        if not batch:
            longest = sizes[row]
        batch.append(row)
    if batch:
        yield batch


def _score_or_halve(
    score: Score, texts: Sequence[str]
) -> list[dict[str, Any] | Failure]:
    """Halves a batch that fails, down to the rows that are to blame."""
    try:
        return list(score(texts))
    except tf.errors.OpError as error:
        if len(texts) == 1:
            return [Failure(str(error.message).partition("\n")[0])]
    middle = len(texts) // 2
    return [
        *_score_or_halve(score, texts[:middle]),
        *_score_or_halve(score, texts[middle:]),
    ]


def _reject(row: ChunkRow, failure: Failure) -> Reject:
    return Reject(
        source=row.source,
        position=row.position,
        reason=reasons.MODEL_FAILED,
        detail=str(failure),
        text=row.text,
    )
