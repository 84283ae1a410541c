"""Measures the newest span and those before it, compares, and writes the report."""

from __future__ import annotations

import os
from typing import Any

import tensorflow_data_validation as tfdv
from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.drift_check import comparison
from components.drift_check import statistics as measuring
from components.drift_check.report import write_report
from components.drift_check.spans import earlier_spans, example_files, span_of

EXAMPLES_KEY = "examples"
WINDOW_KEY = "window"
DRIFT_KEY = "drift"
LABEL_KEY = "label"
LENGTH_KEY = "length"
UNKNOWN_WORDS_KEY = "unknown_words"
TEXT_FEATURE_KEY = "text_feature"
LABEL_FEATURE_KEY = "label_feature"

NOTHING = "nothing to compare with"
_STATISTICS_FOLDER = "statistics"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Says how far the newest span lies from the spans of the window before it."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Compares, and reports drift as anomalies; it never stops the run for it.

        Args:
            input_dict: `examples`, one Examples, of the newest span; `window`, one
                Examples or more. Of these, the ones of another span than the newest
                are compared with it.
            output_dict: `drift`, one DriftReport. Gets `Anomalies.pb` and
                `drift.json`: `newest` (number of the span), `before` (numbers of the
                spans that it was compared with), `examples` (rows of both) and
                `distances` (of `label`, `length`, `unknown_words` and
                `unknown_characters`, as `comparison` gives them); without any span
                before it, the last two are empty and `note` says so.
            exec_properties: The thresholds `label`, `length` and `unknown_words`; the
                names `text_feature` and `label_feature`.

        Raises:
            DriftCheckError: The examples lack one of these features.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        newest = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        output = artifact_utils.get_single_instance(output_dict[DRIFT_KEY])
        before = earlier_spans(newest, input_dict[WINDOW_KEY])
        report: dict[str, Any] = {
            "newest": span_of(newest),
            "before": [span_of(each) for each in before],
        }
        if not before:
            logging.info("DriftCheck: span %s: %s", report["newest"], NOTHING)
            report |= {"note": NOTHING, "examples": {}, "distances": {}}
            write_report(output.uri, report, anomalies_pb2.Anomalies())
            return

        folder = os.path.join(output.uri, _STATISTICS_FOLDER)
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | "MeasureSpans" >> measuring.MeasureSpans(
                newest=example_files([newest]),
                before=example_files(before),
                text_feature=exec_properties[TEXT_FEATURE_KEY],
                label_feature=exec_properties[LABEL_FEATURE_KEY],
                output=folder,
            )
        thresholds = comparison.Thresholds(
            label=exec_properties[LABEL_KEY],
            length=exec_properties[LENGTH_KEY],
            unknown_words=exec_properties[UNKNOWN_WORDS_KEY],
        )
        every = _statistics(folder, measuring.ALL)
        distances, anomalies = comparison.compare_all(*every, thresholds)
        unknown, more = comparison.compare_unknown(
            *_statistics(folder, measuring.HELD_OUT), thresholds
        )
        anomalies.MergeFrom(more)
        report["examples"] = dict(
            zip((measuring.NEWEST, measuring.BEFORE), map(_rows, every), strict=True)
        )
        report["distances"] = distances | unknown
        write_report(output.uri, report, anomalies)
        for name, info in sorted(anomalies.anomaly_info.items()):
            logging.warning("DriftCheck: %s: %s", name, info.description)


def _statistics(
    folder: str, part: str
) -> tuple[comparison.Statistics, comparison.Statistics]:
    newest, before = (
        tfdv.load_stats_binary(measuring.statistics_path(folder, side, part))
        for side in (measuring.NEWEST, measuring.BEFORE)
    )
    return newest, before


def _rows(statistics: comparison.Statistics) -> int:
    return sum(int(dataset.num_examples) for dataset in statistics.datasets)
