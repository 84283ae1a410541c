"""The wiring of the pipeline, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components import (
    Evaluator,
    ExampleValidator,
    SchemaGen,
    StatisticsGen,
    Trainer,
    Transform,
    Tuner,
)
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata, pipeline
from tfx.proto import range_config_pb2
from tfx.proto.pusher_pb2 import PushDestination
from tfx.proto.trainer_pb2 import EvalArgs, TrainArgs
from tfx.proto.transform_pb2 import SplitsConfig
from tfx.types import Channel, standard_artifacts
from tfx.utils import name_utils

from components.anomaly_gate.component import AnomalyGate
from components.drift_check.component import DriftCheck
from components.serving_check.component import ServingCheck
from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.spans import LATEST, has_spans, span_number
from pipeline.config import Config, DataConfig
from pipeline.config.checked import complete_beam_args
from pipeline.evaluation.tfma_metrics import ClassificationMetrics
from pipeline.evaluation.thresholds import eval_config
from pipeline.features import EVAL, LABEL, SPLITS, TEST, TEXT, TRAIN
from pipeline.fingerprints import CODE, code_version, elmo_version, mark_code
from pipeline.metadata.resolvers import (
    PreviousBlessedModelStrategy,
    SpanWindowStrategy,
    WarmStartStrategy,
)
from pipeline.output_folder import OutputFolder
from pipeline.serving.pusher import Pusher
from pipeline.training.pretrained_branch import reads_vectors_of

_PREPROCESSING = "pipeline.preprocessing"
_TUNER = "pipeline.training.tuning"
_TRAINER = "pipeline.training.trainer"


def create_pipeline(config: Config) -> pipeline.Pipeline:
    """Returns the pipeline from labelled text to a pushed model.

    Args:
        config: What to read, how to train, what to ask of the model, where to write.
    """
    output = OutputFolder(config.output)

    # Texts and labels of any supported format become examples in three splits.
    data = config.data
    # A model that trains on from another one must not learn what that was tested on:
    # then a text keeps its split when the data grows, as it does with several spans.
    exact_shares = not (
        config.train.warm_start
        or data.has_several_labels
        or has_spans(data.pattern)
        or len(data.held_out) == len((EVAL, TEST))  # no row is left to be divided
    )
    example_gen = TextExampleGen(
        data.pattern,
        format=data.format,
        text_column=data.text_column,
        label_column=data.label_column,
        label_separator=data.label_separator,
        multi_label=data.multi_label,
        columns=data.columns,
        header=data.header,
        encoding=data.encoding,
        delimiter=data.delimiter,
        quoting=data.quoting,
        escape_character=data.escape_character,
        eval_fraction=data.eval_fraction,
        test_fraction=data.test_fraction,
        max_rejected_fraction=data.max_rejected_fraction,
        max_replaced_fraction=data.max_replaced_fraction,
        range_config=_only_span(data.span),
        eval_pattern=data.eval_pattern,
        test_pattern=data.test_pattern,
        split_column=data.split_column,
        group_column=data.group_column,
        keep_columns=data.keep_columns,
        keep_position=True,
        corrections=data.corrections,
        stratify=exact_shares,
    )
    examples = example_gen.outputs["examples"]

    # Finds the spans before the newest that are trained and tested on as well.
    window = None
    if data.window_spans > 1:
        window = Resolver(
            strategy_class=SpanWindowStrategy,
            config={
                "spans": data.window_spans,
                "gate": name_utils.get_full_name(AnomalyGate),
            },
            examples=Channel(
                type=standard_artifacts.Examples,
                producer_component_id=example_gen.id,
            ),
            newest=examples,
        ).with_id("SpanWindow")
    windowed = examples if window is None else window.outputs["examples"]

    # Counts what the examples hold: missing values, lengths, frequent labels. Where a
    # row comes from, and what is kept for the evaluation alone, is in no schema, and
    # the model never asks for it.
    statistics_gen = StatisticsGen(
        examples=examples,
        stats_options=tfdv.StatsOptions(
            feature_allowlist=[TEXT, LABEL],
            # Whole values, and texts may be long: 1,000 would be kept. The schema lists
            # the labels of up to 100 classes from them.
            num_rank_histogram_buckets=128,
        ),
    )

    # What the data must look like: inferred from the training split, or curated.
    if data.schema_path is None:
        schema_gen = SchemaGen(
            statistics=statistics_gen.outputs["statistics"],
            # That all rows have as many labels would be chance.
            infer_feature_shape=not data.has_several_labels,
            exclude_splits=[EVAL, TEST],
        )
    else:
        schema_gen = ImportSchemaGen(schema_file=data.schema_path)

    # Compares every split with the schema; it only reports.
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
    )

    # Measures how far the newest span is from those before it; it only reports.
    drift_check = None
    if window is not None:
        drift_check = DriftCheck(
            examples=examples,
            window=windowed,
            label=config.drift.label,
            length=config.drift.length,
            unknown_words=config.drift.unknown_words,
            tokenizer=config.transform.tokenizer,
            text_feature=TEXT,
            label_feature=LABEL,
        )

    # Stops the run on what these two reported.
    guesses_labels = data.has_several_labels and data.schema_path is None
    gate = AnomalyGate(
        anomalies=example_validator.outputs["anomalies"],
        statistics=statistics_gen.outputs["statistics"],
        examples=examples,
        drift=None if drift_check is None else drift_check.outputs["drift"],
        on_schema_anomaly=config.gate.on_schema_anomaly,
        on_drift=config.gate.on_drift,
        free_text_features=[TEXT],
        list_features=[LABEL] if guesses_labels else [],
        label_feature=LABEL,
    )

    # Texts become tokens and labels become numbers, in a graph that is served too.
    transform = Transform(
        examples=windowed,
        schema=schema_gen.outputs["schema"],
        preprocessing_fn=f"{_PREPROCESSING}.preprocessing_fn",
        splits_config=SplitsConfig(analyze=[TRAIN], transform=list(SPLITS)),
        custom_config={
            "transform": _section(config.transform),
            "multi_label": data.has_several_labels,
        },
        disable_statistics=True,  # TFDV's, of every split; nobody reads them
    )
    transform.add_upstream_node(gate)

    # Finds the model that the training starts from, if it starts from an earlier one.
    warm_start = None
    if config.train.warm_start:
        warm_start = Resolver(
            strategy_class=WarmStartStrategy,
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
            examples=transform.outputs["transformed_examples"],
        ).with_id("WarmStart")

    # The pre-trained branch of the head reads the vectors of one ELMo alone.
    model = _section(config.model)
    model["pretrained_branch"] &= reads_vectors_of(config.elmo.source)

    # What the head is told, by the Trainer and by who looks for better options of it.
    told: dict[str, Any] = {
        "elmo": _section(config.elmo),
        "elmo_version": elmo_version(config.elmo.source),
        "held_out": [data.eval_fraction, data.test_fraction],
        "divided_by": _divided_by(data),
        "exact_shares": exact_shares,
        "tokenizer": config.transform.tokenizer,
        "model": model,
        "train": _section(config.train),
        "precision": config.evaluation.precision,
        "resume_dir": str(output.resume),
        "embeddings_dir": str(output.embeddings),
        "beam_args": None,
    }
    if config.train.encode_with_beam:
        told["beam_args"] = complete_beam_args(config.beam.args)
    learnt_from: dict[str, Any] = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "schema": schema_gen.outputs["schema"],
        "train_args": TrainArgs(splits=[TRAIN]),
        "eval_args": EvalArgs(splits=[EVAL]),
    }

    # Looks for better options of the head, where that was asked for.
    tuner = None
    if config.train.tune is not None:
        tuner = Tuner(
            tuner_fn=f"{_TUNER}.tuner_fn",
            custom_config={**told, CODE: code_version(_TUNER)},
            **learnt_from,
        )

    # Trains the classifier on ELMo embeddings and exports it with its signatures.
    trainer = Trainer(
        run_fn=f"{_TRAINER}.run_fn",
        base_model=None if warm_start is None else warm_start.outputs["model"],
        hyperparameters=None
        if tuner is None
        else tuner.outputs["best_hyperparameters"],
        # A killed training is taken up by the same code only.
        custom_config={**told, CODE: code_version(_TRAINER)},
        **learnt_from,
    )

    # Finds the model that the new one has to stand up to.
    previous = Resolver(
        strategy_class=PreviousBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=trainer.outputs["model"],
    ).with_id("PreviousModel")

    # Measures the model on the test split and blesses it if it is good enough.
    evaluator = Evaluator(
        examples=windowed,
        example_splits=[TEST],
        model=trainer.outputs["model"],
        baseline_model=previous.outputs["model"],
        eval_config=eval_config(config.evaluation, sliced=bool(data.keep_columns)),
        module_path=ClassificationMetrics.__module__,
    )

    # Loads the exported model as a server would, replays its serving requests and
    # asks it about real examples.
    serving_check = ServingCheck(model=trainer.outputs["model"], examples=examples)

    # Copies a model that passed both into the folder that servers watch.
    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=serving_check.outputs["blessing"],
        push_destination=PushDestination(
            filesystem=PushDestination.Filesystem(base_directory=str(output.serving))
        ),
    )

    nodes = [
        example_gen,
        window,
        statistics_gen,
        schema_gen,
        example_validator,
        drift_check,
        gate,
        transform,
        warm_start,
        tuner,
        trainer,
        previous,
        evaluator,
        serving_check,
        pusher,
    ]
    nodes = [node for node in nodes if node is not None]
    named = {
        transform.id: _PREPROCESSING,
        trainer.id: _TRAINER,
        evaluator.id: ClassificationMetrics.__module__,
    }
    if tuner is not None:
        named[tuner.id] = _TUNER
    mark_code(nodes, named)
    return pipeline.Pipeline(
        pipeline_name=output.pipeline_name,
        pipeline_root=str(output.artifacts),
        components=nodes,
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(output.metadata)
        ),
        beam_pipeline_args=complete_beam_args(config.beam.args),
    )


def _only_span(span: int | str) -> range_config_pb2.RangeConfig | None:
    """Returns what makes TFX read one span; None: it reads the newest."""
    if span == LATEST:
        return None
    number = span_number(span)
    static = range_config_pb2.StaticRange(
        start_span_number=number, end_span_number=number
    )
    return range_config_pb2.RangeConfig(static_range=static)


def _divided_by(data: DataConfig) -> str:
    """Returns what names the held-out rows, beside their fractions; "": nothing."""
    ways = {"split_column": data.split_column, "group_column": data.group_column}
    ways.update(data.held_out)
    chosen = {name: way for name, way in ways.items() if way is not None}
    return json.dumps(chosen, sort_keys=True) if chosen else ""


def _section(section: Any) -> dict[str, Any]:
    return section.model_dump(mode="json")
