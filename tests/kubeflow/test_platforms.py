"""The options of steps, and the addresses of what they write."""

from __future__ import annotations

import pytest

from elmo_kubeflow.platforms import Kubeflow, address_of, step_options
from pipeline.config import ConfigError, load_config


def _config(**more):
    return load_config(
        options={"output": "/data/o", "data.pattern": "/data/*.csv", **more}
    )


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/data/o/serving/7", "pvc://elmo-tfx/o/serving/7"),
        ("/gcs/bucket/o/serving/7", "gs://bucket/o/serving/7"),
    ],
)
def test_a_models_address_is_one_that_servers_take(path, address):
    assert address_of(path, _config()) == address


def test_a_steps_own_options_win_over_ours_and_these_over_default():
    steps = {"default": {"memory": "2Gi", "retries": 5}, "Trainer": {"cpu": "4"}}
    config = _config(**{"kubeflow.steps": steps})
    trainer, other = step_options(config, "Trainer"), step_options(config, "Transform")
    assert (trainer.cpu, trainer.memory, trainer.retries) == ("4", "8Gi", 5)
    assert (other.cpu, other.memory, other.retries) == ("1", "2Gi", 5)


def test_files_of_held_out_rows_must_be_on_the_volume_too():
    assert Kubeflow().checked(_config(**{"data.test_pattern": "/data/test.csv"}))
    with pytest.raises(
        ConfigError, match="option data.test_pattern must be on the vol"
    ):
        Kubeflow().checked(_config(**{"data.test_pattern": "/home/test.csv"}))
