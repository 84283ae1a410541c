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

from components.drift_check.comparison import (
    Statistics,
    Thresholds,
    compare_all,
    compare_unknown,
)
from components.drift_check.report import write_report
from components.drift_check.spans import earlier_spans, example_files, span_of
from components.drift_check.statistics import (
    ALL,
    BEFORE,
    HELD_OUT,
    NEWEST,
    MeasureSpans,
    statistics_path,
)
from keras_elmo.text import ELMO

NOTHING = "nothing to compare with"
_STATISTICS_FOLDER = "statistics"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Measures how far the newest span lies from the spans of the window before it."""

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
                `unknown_characters`, as `comparison` returns them); without any span
                before it, the last two are empty and `note` says so.
            exec_properties: The thresholds `label`, `length` and `unknown_words`; the
                `tokenizer`; the names `text_feature` and `label_feature`.

        Raises:
            DriftCheckError: The examples lack one of these features.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        newest = artifact_utils.get_single_instance(input_dict["examples"])
        output = artifact_utils.get_single_instance(output_dict["drift"])
        before = earlier_spans(newest, input_dict["window"])
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
            _ = pipeline | "MeasureSpans" >> MeasureSpans(
                newest=example_files([newest]),
                before=example_files(before),
                text_feature=exec_properties["text_feature"],
                label_feature=exec_properties["label_feature"],
                # A pipeline that was compiled by an earlier version has none.
                tokenizer=exec_properties.get("tokenizer") or ELMO,
                output=folder,
            )
        thresholds = Thresholds(
            label=exec_properties["label"],
            length=exec_properties["length"],
            unknown_words=exec_properties["unknown_words"],
        )
        of_all = _load(folder, ALL)
        distances, anomalies = compare_all(*of_all, thresholds)
        unknown, more = compare_unknown(*_load(folder, HELD_OUT), thresholds)
        anomalies.MergeFrom(more)
        report["examples"] = {
            side: sum(int(dataset.num_examples) for dataset in statistics.datasets)
            for side, statistics in zip((NEWEST, BEFORE), of_all, strict=True)
        }
        report["distances"] = distances | unknown
        write_report(output.uri, report, anomalies)
        for name, info in sorted(anomalies.anomaly_info.items()):
            logging.warning("DriftCheck: %s: %s", name, info.description)


def _load(folder: str, part: str) -> tuple[Statistics, Statistics]:
    """Returns the statistics of the newest span, and of those before it."""
    newest, before = (
        tfdv.load_stats_binary(statistics_path(folder, side, part))
        for side in (NEWEST, BEFORE)
    )
    return newest, before
