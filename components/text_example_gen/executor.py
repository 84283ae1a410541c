"""Executor of TextExampleGen: files in, one Beam graph, examples and counts out."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf import any_pb2, struct_pb2
from tfx import types
from tfx.components.example_gen import utils, write_split
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import proto_utils

from components.progress import say
from components.text_example_gen.checks import DataPreview, check_all_data
from components.text_example_gen.corrections import (
    Corrections,
    Key,
    check_labels,
    count_corrections,
    read_corrections,
)
from components.text_example_gen.count_checks import check_counts
from components.text_example_gen.counts import Counts
from components.text_example_gen.errors import DataError
from components.text_example_gen.examples import COUNTS_FILE, REJECTED_FOLDER
from components.text_example_gen.file_systems import needs_beam
from components.text_example_gen.ingestion import (
    STAGING_FOLDER,
    TALLIES_FILE,
    IngestPlan,
    IngestTexts,
)
from components.text_example_gen.notes import (
    class_notes,
    correction_notes,
    leak_notes,
    split_file_notes,
)
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.spans import pattern_of_span

_logger = logging.getLogger(__name__)

_JSON_FIELD = "text_example_gen"
_REFUSED_FOLDER = "refused"
# Bytes of uncompressed input per output file; compression shrinks at most 5-fold.
_SHARD_BYTES = 64 * 2**20
_COMPRESSION = 5
_COMPRESSED = (".gz", ".bz2", ".xz", ".parquet", ".pq")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of TextExampleGen beyond those of TFX's ExampleGens.

    Args:
        options: How the files are read.
        max_rejected_fraction: Share of rejected rows above which the run stops, from
            0 to 1, no unit.
        max_replaced_fraction: The same of rows with U+FFFD for what is not decoded.
        columns: Which rows are held out, are together, and what of them is kept.
        held_out: Files of held-out rows: name of their split -> absolute pattern.
        stratify: As in `splitting.DivideRows`.
        keep_position: Whether examples say where in the data their row stands.
        corrections: Path of a table of corrections, as `corrections` reads it.

    Raises:
        ValueError: A fraction is out of range, no label column is set, or columns
            contradict each other.
    """

    options: ReadOptions
    max_rejected_fraction: float
    max_replaced_fraction: float = 0.01
    columns: RowColumns = RowColumns()
    held_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stratify: bool = True
    keep_position: bool = False
    corrections: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_rejected_fraction", "max_replaced_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` must lie between 0 and 1. "
                    f"Received: {getattr(self, name)!r}"
                )
        if self.options.label_column is None:
            raise ValueError("`label_column` must be set. Received: None")
        if self.held_out and self.columns.split is not None:
            raise ValueError(
                "`split_column` must not be set beside files of held-out rows. "
                f"Received: {self.columns.split!r}"
            )
        if self.corrections is not None and self.options.has_several_labels:
            raise ValueError(
                "`corrections` must not be set where a row may have several labels. "
                f"Received: {self.corrections!r}"
            )
        self.columns.check(self.options)
        self.columns.added_to(self.options)  # names of columns have to know them

    def to_proto(self) -> example_gen_pb2.CustomConfig:
        """Returns the settings as the custom config of an ExampleGen."""
        values = struct_pb2.Struct()
        # As one JSON string: a Struct keeps neither integers nor None.
        values[_JSON_FIELD] = json.dumps(
            {
                "options": self.options.to_dict(),
                "max_rejected_fraction": self.max_rejected_fraction,
                "max_replaced_fraction": self.max_replaced_fraction,
                "columns": dataclasses.asdict(self.columns),
                "held_out": dict(self.held_out),
                "stratify": self.stratify,
                "keep_position": self.keep_position,
                "corrections": self.corrections,
            }
        )
        packed = any_pb2.Any()
        packed.Pack(values)
        return example_gen_pb2.CustomConfig(custom_config=packed)

    @classmethod
    def from_exec_properties(cls, exec_properties: dict[str, Any]) -> Settings:
        """Reads what `to_proto` made from the execution properties."""
        config = example_gen_pb2.CustomConfig()
        proto_utils.json_to_proto(exec_properties[specs.CUSTOM_CONFIG_KEY], config)
        values = struct_pb2.Struct()
        config.custom_config.Unpack(values)
        settings = json.loads(values[_JSON_FIELD])
        columns = settings.pop("columns", {})
        return cls(
            options=ReadOptions.from_dict(settings.pop("options")),
            columns=RowColumns(**{**columns, "keep": tuple(columns.get("keep", ()))}),
            **settings,
        )


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads, splits and writes the examples; refuses data that cannot be trained on."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the ingestion.

        Args:
            input_dict: Empty.
            output_dict: `examples`: one Examples artifact; span and fingerprint are
                already on it.
            exec_properties: `input_base`, `input_config` (one pattern, the span filled
                in), `output_config` (the splits), `custom_config` (`Settings`).

        Raises:
            DataError: The data cannot be trained on; rejected rows and counts are
                kept beside the output.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[specs.EXAMPLES_KEY])
        settings = Settings.from_exec_properties(exec_properties)
        corrections = Corrections()
        if settings.corrections is not None:
            corrections = read_corrections(settings.corrections)
        plan, previews = _make_plan(exec_properties, settings, examples.uri)
        plan = dataclasses.replace(plan, corrections=corrections.labels)
        with self._make_beam_pipeline() as pipeline:
            _ = pipeline | "IngestTexts" >> IngestTexts(plan)
        counts = _write_counts(plan, previews, corrections)
        refused = _refused_folder(examples.uri)
        try:
            check_labels(corrections, _changed(counts), counts.seen_labels)
            check_counts(
                counts,
                max_rejected_fraction=settings.max_rejected_fraction,
                max_replaced_fraction=settings.max_replaced_fraction,
                rejected=posixpath.join(refused, REJECTED_FOLDER),
            )
        except DataError:
            _keep_refused(examples.uri, refused)
            raise
        examples.split_names = artifact_utils.encode_split_names(list(plan.split_names))
        examples_utils.set_payload_format(
            examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
        )
        examples_utils.set_file_format(
            examples,
            write_split.to_file_format_str(
                example_gen_pb2.FileFormat.FORMAT_TFRECORDS_GZIP
            ),
        )
        _logger.info(
            "Used %d of %d rows of %d files; rejected %d",
            counts.rows_used,
            counts.rows_in,
            counts.files,
            counts.rows_rejected,
        )
        for note in [
            *correction_notes(counts.corrections),
            *split_file_notes(counts.split_files),
            *leak_notes(counts.leaked),
            *class_notes(counts.labels),
        ]:
            _logger.warning(note)
            say(note)


def _make_plan(
    exec_properties: dict[str, Any], settings: Settings, output: str
) -> tuple[IngestPlan, dict[str, DataPreview]]:
    """Returns what to do, and what a first look at the data has found, by split."""
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], input_config)
    output_config = example_gen_pb2.Output()
    proto_utils.json_to_proto(exec_properties[specs.OUTPUT_CONFIG_KEY], output_config)
    pattern = posixpath.join(
        exec_properties[specs.INPUT_BASE_KEY], input_config.splits[0].pattern
    )
    splits = output_config.split_config.splits
    names = [split.name for split in splits]
    span = exec_properties.get(utils.SPAN_PROPERTY_NAME) or 0
    held_out = {
        name: pattern_of_span(each, span) for name, each in settings.held_out.items()
    }
    previews = check_all_data(
        pattern, held_out, options=settings.options, columns=settings.columns
    )
    size_bytes = sum(
        preview.size_bytes
        * (_COMPRESSION if preview.pattern.endswith(_COMPRESSED) else 1)
        for preview in previews.values()
    )
    plan = IngestPlan(
        pattern=previews[names[0]].pattern,
        options=settings.options,
        split_names=tuple(names),
        hash_buckets=tuple(split.hash_buckets for split in splits),
        shards=max(1, math.ceil(size_bytes / _SHARD_BYTES)),
        output=output,
        columns=settings.columns,
        held_out=tuple((names.index(name), held_out[name]) for name in held_out),
        stratify=settings.stratify,
        keep_position=settings.keep_position,
    )
    return plan, previews


def _write_counts(
    plan: IngestPlan, previews: Mapping[str, DataPreview], corrections: Corrections
) -> Counts:
    """Turns the tallies that the workers left into `counts.json`."""
    path = posixpath.join(plan.output, TALLIES_FILE)
    with tf.io.gfile.GFile(path) as file:
        tallies = json.load(file)
    counts = Counts.from_tallies(
        tallies,
        split_names=plan.split_names,
        files=sum(preview.files for preview in previews.values()),
        held_out=[plan.split_names[split] for split, _ in plan.held_out],
    )
    preview = previews[plan.split_names[0]]
    counts = dataclasses.replace(counts, left_out_files=list(preview.left_out))
    if plan.columns.split is None:
        counts = dataclasses.replace(counts, split_files=list(preview.split_files))
    if corrections.path:
        found = [(bytes.fromhex(key), label) for key, _, label in counts.corrected]
        accounted = count_corrections(corrections, _changed(counts), found)
        if not needs_beam(corrections.path) and not needs_beam(plan.output):
            there = posixpath.relpath(corrections.path, plan.output)
            accounted = dataclasses.replace(accounted, from_examples=there)
        counts = dataclasses.replace(counts, corrections=accounted)
    with tf.io.gfile.GFile(posixpath.join(plan.output, COUNTS_FILE), "w") as file:
        file.write(json.dumps(counts.to_dict(), ensure_ascii=False, indent=1) + "\n")
    tf.io.gfile.remove(path)
    tf.io.gfile.rmtree(posixpath.join(plan.output, STAGING_FOLDER))
    return counts


def _changed(counts: Counts) -> dict[Key, int]:
    """Returns the rows whose label a correction changed: digest, old label -> rows."""
    return {
        (bytes.fromhex(key), before): rows
        for (key, before, after), rows in counts.corrected.items()
        if before != after
    }


def _refused_folder(uri: str) -> str:
    """Returns a folder beside the output, which TFX removes if the node fails."""
    output, execution = posixpath.split(uri.rstrip("/"))
    return posixpath.join(posixpath.dirname(output), _REFUSED_FOLDER, execution)


def _keep_refused(uri: str, refused: str) -> None:
    if tf.io.gfile.exists(refused):
        tf.io.gfile.rmtree(refused)
    tf.io.gfile.makedirs(refused)
    for name in (REJECTED_FOLDER, COUNTS_FILE):
        if tf.io.gfile.exists(posixpath.join(uri, name)):
            tf.io.gfile.rename(posixpath.join(uri, name), posixpath.join(refused, name))
