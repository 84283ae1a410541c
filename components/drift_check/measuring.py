"""MeasureSpans: TFDV statistics of the newest span and of those before it."""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam
import tensorflow_data_validation as tfdv
from tfx_bsl.public import tfxio

from components.drift_check import derived
from components.drift_check.spans import ExampleFiles
from components.drift_check.units import Distinct

NEWEST = "newest"
BEFORE = "before"
ALL = "all"
HELD_OUT = "held_out"


def statistics_path(folder: str, side: str, part: str) -> str:
    """Names the file of the statistics of one side, of `all` or `held_out` texts."""
    return f"{folder}/{side}-{part}.pb"


class MeasureSpans(beam.PTransform):
    """Writes four files of statistics, which `tfdv.load_stats_binary` reads.

    Of all texts of a side those of `label` and `length`; of the texts held out from
    training those of `unknown_words` and `unknown_characters`, which the training
    texts before the newest span have not. Held-out texts are compared on both sides,
    because a text that came in two spans is in the same split of both: it is known
    to neither side.

    No text is kept in memory; what grows is the vocabulary, 8 bytes a word.

    Args:
        newest: The files of the newest span.
        before: The files of the spans before it.
        text_feature: Name of the text in the examples.
        label_feature: Name of the label in the examples.
        output: Folder for the statistics.
    """

    def __init__(
        self,
        *,
        newest: ExampleFiles,
        before: ExampleFiles,
        text_feature: str,
        label_feature: str,
        output: str,
    ) -> None:
        super().__init__()
        self._sides = {NEWEST: newest, BEFORE: before}
        self._text = text_feature
        self._label = label_feature
        self._output = output

    def expand(self, pbegin: beam.pvalue.PBegin) -> None:
        """Adds reading, deriving and measuring to a pipeline."""
        known = (
            pbegin
            | "ReadKnown" >> _ReadBatches(self._sides[BEFORE].train)
            | "KnownUnits" >> beam.FlatMap(derived.known_units, text_feature=self._text)
            | "Distinct" >> beam.CombinePerKey(Distinct())
        )
        for side, files in self._sides.items():
            (
                pbegin
                | f"Read[{side}]" >> _ReadBatches([*files.train, *files.held_out])
                | f"LabelsAndLengths[{side}]"
                >> beam.Map(
                    derived.labels_and_lengths,
                    text_feature=self._text,
                    label_feature=self._label,
                )
                | f"Measure[{side}]" >> self._measure(side, ALL)
            )
            (
                pbegin
                | f"ReadHeldOut[{side}]" >> _ReadBatches(files.held_out)
                | f"SharesOfUnknown[{side}]"
                >> beam.Map(
                    derived.shares_of_unknown,
                    beam.pvalue.AsDict(known),
                    text_feature=self._text,
                )
                | f"MeasureHeldOut[{side}]" >> self._measure(side, HELD_OUT)
            )

    def _measure(self, side: str, part: str) -> beam.PTransform:
        return _Measure(statistics_path(self._output, side, part))


class _ReadBatches(beam.PTransform):
    """Reads TFRecord files of tf.Examples as Arrow batches.

    Files are elements here, and not sources that are flattened: the local runner keeps
    whatever it flattens in memory.
    """

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__()
        self._files = list(files)

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        examples = tfxio.TFExampleBeamRecord(physical_format="tfrecord")
        return (
            pbegin
            | "Files" >> beam.Create(self._files, reshuffle=False)
            | "Records" >> beam.io.ReadAllFromTFRecord(coder=beam.coders.BytesCoder())
            | "Batches" >> examples.BeamSource()
        )


class _Measure(beam.PTransform):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        return (
            batches
            | "Statistics" >> tfdv.GenerateStatistics(tfdv.StatsOptions())
            | "Write" >> tfdv.WriteStatisticsToBinaryFile(self._path)
        )
