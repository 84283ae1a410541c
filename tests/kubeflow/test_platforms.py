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


def test_a_steps_own_options_win_over_default_and_this_over_ours():
    steps = {"default": {"memory": "2Gi", "retries": 5}, "Trainer": {"cpu": "4"}}
    config = _config(**{"kubeflow.steps": steps})
    trainer, other = step_options(config, "Trainer"), step_options(config, "Transform")
    assert (trainer.cpu, trainer.memory, trainer.retries) == ("4", "2Gi", 5)
    assert (other.cpu, other.memory, other.retries) == ("1", "2Gi", 5)
    ours = step_options(_config(), "Trainer")
    assert (ours.cpu, ours.memory, ours.retries) == ("2", "8Gi", 1)


@pytest.mark.parametrize(
    "steps",
    [
        {"default": {"accelerator": "a/gpu"}, "Trainer": {"accelerators": 2}},
        {"default": {"accelerators": 2}, "Trainer": {"accelerator": "a/gpu"}},
    ],
)
def test_kind_and_number_of_accelerators_may_stand_in_two_entries(steps):
    trainer = step_options(_config(**{"kubeflow.steps": steps}), "Trainer")
    assert (trainer.accelerator, trainer.accelerators) == ("a/gpu", 2)


@pytest.mark.parametrize("name", ["default", "Trainer"])
def test_accelerators_of_no_kind_are_refused(name):
    steps = {"Transform": {"memory": "2Gi"}, name: {"accelerators": 2}}
    if name == "Trainer":  # a kind of another step is none of this one
        steps["Transform"]["accelerator"] = "a/gpu"
    with pytest.raises(ConfigError, match=f"{name} has accelerators, but no accel"):
        _config(**{"kubeflow.steps": steps})


@pytest.mark.parametrize(
    ("option", "most", "more"),
    [("retries", 1000, 99999999999), ("timeout_minutes", 527040, 1e308)],
)
def test_numbers_that_no_cluster_takes_are_refused(option, most, more):
    assert _config(**{"kubeflow.steps": {"Trainer": {option: most}}})
    with pytest.raises(ConfigError, match=f"kubeflow.steps.Trainer.{option}: .*{most}"):
        _config(**{"kubeflow.steps": {"Trainer": {option: more}}})


def test_files_of_held_out_rows_must_be_on_the_volume_too():
    assert Kubeflow().checked(_config(**{"data.test_pattern": "/data/test.csv"}))
    with pytest.raises(
        ConfigError, match="option data.test_pattern must be on the vol"
    ):
        Kubeflow().checked(_config(**{"data.test_pattern": "/home/test.csv"}))
