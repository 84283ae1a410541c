"""A plain TFX pipeline with this project's four components, run span by span.

python reviews.py 'reviews/{SPAN}/*.csv' out

The files of a span, such as reviews/1/, have the columns `text` and `label`.
"""

import sys

from tfx import v1 as tfx

from components.anomaly_gate.component import AnomalyGate
from components.drift_check.component import DriftCheck
from components.serving_check.component import ServingCheck
from components.text_example_gen.component import TextExampleGen


def reviews_pipeline(pattern: str, output: str) -> tfx.dsl.Pipeline:
    """Returns the pipeline from labelled texts to a pushed model.

    Args:
        pattern: The files; with `{SPAN}` each run reads the newest span.
        output: Folder for all that is made.
    """
    example_gen = TextExampleGen(pattern, text_column="text", label_column="label")
    examples = example_gen.outputs["examples"]
    newest_three = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.SpanRangeStrategy,
        config={
            "range_config": tfx.proto.RangeConfig(
                rolling_range=tfx.proto.RollingRange(num_spans=3)
            )
        },
        examples=tfx.dsl.Channel(
            type=tfx.types.standard_artifacts.Examples,
            producer_component_id=example_gen.id,
        ),
    ).with_id("Window")
    newest_three.add_upstream_node(example_gen)
    window = newest_three.outputs["examples"]

    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = tfx.components.SchemaGen(
        statistics=statistics, exclude_splits=["eval", "test"]
    )
    validator = tfx.components.ExampleValidator(
        statistics=statistics, schema=schema_gen.outputs["schema"]
    )
    drift_check = DriftCheck(examples, window=window, label=0.2)
    gate = AnomalyGate(
        validator.outputs["anomalies"],
        statistics=statistics,
        examples=examples,
        drift=drift_check.outputs["drift"],
        on_drift="warn",
        free_text_features=["text"],
    )
    trainer = tfx.components.Trainer(
        run_fn="trainer.run_fn",  # of the file beside this one
        examples=window,
        train_args=tfx.proto.TrainArgs(num_steps=200),
        eval_args=tfx.proto.EvalArgs(num_steps=1),
    )
    trainer.add_upstream_node(gate)
    serving_check = ServingCheck(trainer.outputs["model"], examples=examples)
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        infra_blessing=serving_check.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=f"{output}/serving"
            )
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="reviews",
        pipeline_root=f"{output}/pipeline",
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(
                f"{output}/metadata.sqlite"
            )
        ),
        components=[
            example_gen,
            newest_three,
            statistics_gen,
            schema_gen,
            validator,
            drift_check,
            gate,
            trainer,
            serving_check,
            pusher,
        ],
        # Beam's local runner. With any image named, TFX packs no copy of itself.
        beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
    )


if __name__ == "__main__":
    tfx.orchestration.LocalDagRunner().run(reviews_pipeline(*sys.argv[1:]))
