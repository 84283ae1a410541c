"""Which nodes the pipeline has, and which wait for which, without TFX.

`pipeline.pipeline` is what counts. Importing it takes seconds of CPU, as TFX imports
TensorFlow; who only names the nodes takes their order from here. A test compares both.
"""

from __future__ import annotations

from pipeline.config import Config


def upstream_nodes(config: Config) -> dict[str, list[str]]:
    """Returns node id -> ids of the nodes that must end before it.

    The nodes come in an order in which they can run.

    Args:
        config: Of the run; some nodes are there for some options only.
    """
    has_window = config.data.window_spans > 1
    schema = "SchemaGen" if config.data.schema_path is None else "ImportSchemaGen"
    examples = "TextExampleGen"
    windowed = "SpanWindow" if has_window else examples
    before = {
        examples: [],
        "SpanWindow": [examples],
        "StatisticsGen": [examples],
        schema: ["StatisticsGen"] if schema == "SchemaGen" else [],
        "ExampleValidator": [schema, "StatisticsGen"],
        "DriftCheck": [windowed, examples],
        "AnomalyGate": ["DriftCheck", "ExampleValidator", "StatisticsGen", examples],
        "Transform": ["AnomalyGate", schema, windowed],
        "WarmStart": ["Transform"],
        "Tuner": [schema, "Transform"],
        "Trainer": [schema, "Transform", "Tuner", "WarmStart"],
        "PreviousModel": ["Trainer"],
        "ServingCheck": [examples, "Trainer"],
        "Evaluator": ["PreviousModel", windowed, "Trainer"],
        "Pusher": ["Evaluator", "ServingCheck", "Trainer"],
    }
    absent = set() if has_window else {"SpanWindow", "DriftCheck"}
    if not config.train.warm_start:
        absent.add("WarmStart")
    if config.train.tune is None:
        absent.add("Tuner")
    return {
        node: sorted(set(others) - absent)
        for node, others in before.items()
        if node not in absent
    }
