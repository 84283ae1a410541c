"""TFX's BulkInferrer as a contender: its executor on artifacts made by hand.

It runs tfx_bsl's RunInference on the tf.Examples and writes PredictionLogs, in the
batches that Beam chooses, on the Beam runner that predict takes.

Example:
    python -m benchmarks.batch.workers.bulk_inferrer out/serving examples/ result/
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tfx.components.bulk_inferrer.executor import Executor
from tfx.proto import bulk_inferrer_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.utils import proto_utils

from benchmarks.batch.inputs import SPLIT
from pipeline.config.checked import complete_beam_args
from pipeline.features import SERVE_EXAMPLES
from pipeline.serving.versions import newest_model


def main() -> None:
    """Infers all examples of a folder."""
    model_folder, example_folder, output = sys.argv[1:]
    newest = newest_model(model_folder)
    if newest is None:
        sys.exit(f"error: no saved_model.pb in {model_folder}")
    examples = standard_artifacts.Examples()
    examples.uri = example_folder
    examples.split_names = artifact_utils.encode_split_names([SPLIT])
    result = standard_artifacts.InferenceResult()
    result.uri = output
    signatures = bulk_inferrer_pb2.ModelSpec(model_signature_name=[SERVE_EXAMPLES])
    with tempfile.TemporaryDirectory() as scratch:
        model = standard_artifacts.Model()
        model.uri = scratch
        # A Trainer's artifact has its model in a folder of this name.
        (Path(scratch) / "Format-Serving").symlink_to(Path(newest).resolve())
        context = Executor.Context(
            beam_pipeline_args=complete_beam_args(()), tmp_dir=scratch, unique_id="1"
        )
        Executor(context).Do(
            {keys.EXAMPLES_KEY: [examples], keys.MODEL_KEY: [model]},
            {keys.INFERENCE_RESULT_KEY: [result]},
            {
                keys.DATA_SPEC_KEY: proto_utils.proto_to_json(
                    bulk_inferrer_pb2.DataSpec()
                ),
                keys.MODEL_SPEC_KEY: proto_utils.proto_to_json(signatures),
            },
        )


if __name__ == "__main__":
    main()
