"""Has the exported model tried in a process of its own, then blesses it or not."""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.serving_check import isolation

REPORT_NAME = "report.json"

_MAX_EXAMPLES = 32
_PREFERRED_SPLITS = ("test", "eval")


class Executor(base_executor.BaseExecutor):
    """Blesses a model that serves its requests with nothing but TensorFlow."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Tries the model and marks the blessing.

        Args:
            input_dict: `model`, one Model; `examples`, one Examples or none.
            output_dict: `blessing`, one InfraBlessing: gets `report.json`, the file
                INFRA_BLESSED or INFRA_NOT_BLESSED, and the int property `blessed`.
                The report has `blessed`, `reasons` (a list, empty if blessed),
                `checks` (`name`, `seconds`, `fault`), `facts` (`load_seconds`,
                `median_latency_seconds`, `peak_memory_bytes`, `warm_up_requests`,
                `examples`; each only if the check got so far) and `tensorflow`.
            exec_properties: `text_feature` and `timeout_seconds`.

        Raises:
            ServingCheckError: The check could not be made; the model may be good.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        model_dir = path_utils.serving_model_path(
            model.uri, path_utils.is_old_model_artifact(model)
        )
        report = isolation.replay(
            model_dir,
            text_feature=exec_properties["text_feature"],
            examples=_some_examples(input_dict.get("examples")),
            timeout_seconds=exec_properties["timeout_seconds"],
        )
        reasons = [
            f"{check['name']}: {check['fault']}"
            for check in report["checks"]
            if check["fault"]
        ]
        report = {"blessed": not reasons, "reasons": reasons, **report}
        for reason in reasons:
            logging.error("ServingCheck: %s is not blessed: %s", model_dir, reason)
        io_utils.write_string_file(
            os.path.join(blessing.uri, REPORT_NAME), json.dumps(report, indent=2)
        )
        # The files and the property of TFX's InfraValidator, which the Pusher reads.
        flag = "INFRA_NOT_BLESSED" if reasons else "INFRA_BLESSED"
        io_utils.write_string_file(os.path.join(blessing.uri, flag), "")
        blessing.set_int_custom_property("blessed", 0 if reasons else 1)


def _some_examples(artifacts: list[types.Artifact] | None) -> list[bytes]:
    if not artifacts:
        return []
    artifact = artifact_utils.get_single_instance(artifacts)
    splits = artifact_utils.decode_split_names(artifact.split_names)
    split = next((name for name in _PREFERRED_SPLITS if name in splits), splits[0])
    folder = artifact_utils.get_split_uri([artifact], split)
    files = sorted(fileio.glob(os.path.join(folder, "*")))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return list(records.take(_MAX_EXAMPLES).as_numpy_iterator())
