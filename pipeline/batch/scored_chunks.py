"""Second stage: from chunks to parts of the output, in the order of the input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from components.text_example_gen import reasons
from pipeline.batch import job as parts_of
from pipeline.batch import storage
from pipeline.batch.chunks import ChunkRow, read_chunk
from pipeline.batch.formats import suffix, write_part
from pipeline.batch.job import BatchJob
from pipeline.batch.rejects import RejectLines
from pipeline.batch.scoring import Failure, Score, Scorer, score_rows
from pipeline.batch.splitting import NAMESPACE
from pipeline.batch.table import Table


class ScoreChunks(beam.DoFn):
    """Scores a chunk and writes it as a part of the output.

    Gives one record for each chunk: `name`, `part` (path, or None if no row is left),
    `size_bytes`, `rows_out`, `rejected` (path or None), `reasons`, `tallies` (what the
    summary counts). A chunk
    that was scored before is not scored again. The model is loaded once per process,
    however many threads and bundles it has.
    """

    def __init__(self, job: BatchJob, scorer: Scorer) -> None:
        super().__init__()
        self._job = job
        self._scorer = scorer
        self._rows_out = Metrics.counter(NAMESPACE, "rows_out")
        self._rows_rejected = Metrics.counter(NAMESPACE, "rows_rejected")

    def process(
        self, element: dict[str, Any], columns: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        # The numbers of rows in its name are for the progress.
        name = f"{element['name']}.{element['rows']}.json"
        record_path = self._job.path(parts_of.PARTS, name)
        record = storage.read_json(record_path)
        if record is None:
            record = self._score(element, self._scorer.load(), columns)
            storage.write_json(record_path, record)
        self._rows_out.inc(record["rows_out"])
        self._rows_rejected.inc(element["rows"] - record["rows_out"])
        yield record

    def _score(
        self, chunk: dict[str, Any], score: Score, columns: Mapping[str, str]
    ) -> dict[str, Any]:
        rows = read_chunk(chunk["path"])
        results = score_rows(score, [row.text for row in rows])
        good = []
        with RejectLines() as rejects:
            for row, result in zip(rows, results, strict=True):
                if isinstance(result, Failure):
                    rejects.add(_reject(row, result))
                else:
                    good.append({**row.columns, **result})
            aside = self._job.path(parts_of.REJECTED, f"part-{chunk['name']}.jsonl")
            rejected = rejects.write(aside)
        path, size_bytes = None, 0
        if good:
            file_name = chunk["name"] + suffix(self._job.format)
            path = self._job.path(parts_of.PARTS, file_name)
            kinds = {**columns, **self._scorer.fields}
            table = Table(kinds, good, self._job.options.key_column)
            size_bytes = write_part(self._job.format, path, table)
        return {
            "name": chunk["name"],
            "part": path,
            "size_bytes": size_bytes,
            "rows_out": len(good),
            "rejected": rejected,
            "reasons": rejects.reasons,
            "tallies": self._scorer.tally(good),
        }


def _reject(row: ChunkRow, failure: Failure) -> dict[str, Any]:
    return {
        "source": row.source,
        "position": row.position,
        "reason": reasons.MODEL_FAILED,
        "detail": str(failure),
        "text": row.text,
    }
