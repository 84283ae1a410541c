"""ReadRecords: from file patterns to records and rejects, on any Beam runner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from components.text_example_gen.files import read_file
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.patterns import has_class_folders, match_files
from components.text_example_gen.records import as_dict, is_reject

_REJECTS = "rejects"


class ReadRecords(beam.PTransform):
    """Reads all files of some patterns: `records, rejects = p | ReadRecords(...)`.

    Files are read side by side, each one as a stream. A record is a `records.Record`,
    a reject a `records.Reject`. A file that cannot be read (on) gives one reject with
    position 0 and does not stop the others: whoever reads decides what it costs.

    Args:
        patterns: Files or globs, on any file system Beam knows. A pattern that matches
            nothing gives nothing: look first (`check_data`).
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
    ) -> tuple[beam.PCollection, beam.PCollection]:
        """Adds the reading to a pipeline."""
        read = (
            pbegin
            | "Patterns" >> beam.Create(self._patterns)
            | "Match" >> beam.FlatMap(_match)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadFile(self._options)).with_outputs(_REJECTS)
        )
        return read[None], read[_REJECTS]


def _match(pattern: str) -> Iterator[tuple[str, bool]]:
    in_class_folder = has_class_folders(pattern)
    for found in match_files(pattern):
        yield found.path, in_class_folder


class _ReadFile(beam.DoFn):
    def __init__(self, options: ReadOptions) -> None:
        super().__init__()
        self._options = options

    def process(self, element: tuple[str, bool]) -> Iterator[Any]:
        path, in_class_folder = element
        for item in read_file(path, self._options, in_class_folder=in_class_folder):
            if is_reject(item):
                yield beam.pvalue.TaggedOutput(_REJECTS, as_dict(item))
            else:
                yield as_dict(item)
