"""The compiled package: one step per node, and what each asks of the cluster."""

from __future__ import annotations

import json

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from elmo_kubeflow.package import compile_package
from elmo_kubeflow.platforms import step_options
from pipeline.config import ConfigError, load_config
from pipeline.node_order import upstream_nodes

_OPTIONS = {
    "output": "/data/elmo-tfx",
    "data.pattern": "/data/spans/{SPAN}/*.csv",
    "data.window_spans": 3,
    "train.warm_start": True,
    "kubeflow.image": "registry.example.org/elmo-tfx:1",
    "kubeflow.steps": {
        "default": {"retries": 3, "timeout_minutes": 30, "cpu": "500m"},
        "Trainer": {"memory": "16Gi", "accelerator": "nvidia.com/gpu", "retries": 0},
    },
}
_VERTEX = {"output": "gs://bucket/elmo", "vertex.metadata_host": "10.0.0.3"}


def _compile(path, platform="kubeflow", **more):
    config = load_config(options={**_OPTIONS, **more})
    compile_package(config, path, platform=platform)
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return tmp_path_factory.mktemp("package") / "kubeflow.yaml"


@pytest.fixture(scope="module")
def documents(package):
    return _compile(package)


@pytest.fixture(scope="module")
def vertex(tmp_path_factory):
    path = tmp_path_factory.mktemp("package") / "vertex.yaml"
    return path, _compile(path, "vertex", **_VERTEX)


def _tasks(spec):
    """The steps that run only where something is new, by name."""
    (condition,) = (n for n in spec["root"]["dag"]["tasks"] if n != "start")
    label = spec["root"]["dag"]["tasks"][condition]["componentRef"]["name"]
    tasks = spec["components"][label]["dag"]["tasks"]
    return {task["taskInfo"]["name"]: task for task in tasks.values()}


def _container(spec, step):
    label = f"exec-{step.lower()}"
    return spec["deploymentSpec"]["executors"][label]["container"]


def test_kfp_itself_and_its_protos_read_the_package(package, documents):
    spec, platform = documents
    loaded = components.load_component_from_file(str(package))
    assert loaded.pipeline_spec.pipeline_info.name == "elmo-tfx"
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())


def test_there_is_one_step_per_node_after_those_that_it_needs(documents):
    tasks = _tasks(documents[0])
    upstream = upstream_nodes(load_config(options=_OPTIONS))
    assert set(tasks) == {*upstream, "End"}
    assert {"SpanWindow", "DriftCheck", "WarmStart"} <= set(tasks)
    for node, before in upstream.items():
        after = set(tasks[node].get("dependentTasks", ()))
        assert after == {name.lower() for name in before}, node
    assert len(tasks["End"]["dependentTasks"]) == len(upstream)


def test_a_search_of_options_is_a_step_with_the_memory_of_the_trainer(tmp_path):
    tuned = {"train.warm_start": False, "train.tune": "5m"}
    spec, _ = _compile(tmp_path / "tuned.yaml", **tuned)
    tasks = _tasks(spec)
    assert "tuner" in tasks["Trainer"]["dependentTasks"]
    assert "transform" in tasks["Tuner"]["dependentTasks"]
    config = load_config(options={**_OPTIONS, **tuned, "kubeflow.steps": {}})
    assert step_options(config, "Tuner") == step_options(config, "Trainer")


def test_a_run_has_parameters_with_the_configuration_as_defaults(documents):
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert {name: of["defaultValue"] for name, of in parameters.items()} == {
        "span": "latest",
        "data_pattern": "/data/spans/{SPAN}/*.csv",
        "training_steps": 0,
        "force": False,
    }


def test_kfps_cache_is_off_everywhere(documents):
    spec, _ = documents
    every = [*_tasks(spec).values(), spec["root"]["dag"]["tasks"]["start"]]
    assert all(not task["cachingOptions"].get("enableCache") for task in every)


def test_each_step_has_its_own_options_or_those_of_default(documents):
    spec, _ = documents
    tasks = _tasks(spec)
    trainer, other = _container(spec, "Trainer"), _container(spec, "Transform")
    assert trainer["image"] == other["image"] == _OPTIONS["kubeflow.image"]
    assert "retryPolicy" not in tasks["Trainer"]
    assert "--retries" not in trainer["args"]
    assert tasks["Transform"]["retryPolicy"]["maxRetryCount"] == 3
    assert "accelerator" in trainer["resources"]
    assert "accelerator" not in other["resources"]
    assert trainer["resources"] != other["resources"]
    assert other["args"][-4:] == ["--timeout-minutes", "30", "--retries", "3"]


def test_every_step_gets_the_volume_and_the_secret_as_environment(documents):
    spec, platform = documents
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    for options in executors.values():
        (mount,) = options["pvcMount"]
        assert mount["mountPath"] == "/data"
        (secret,) = options["secretAsEnv"]
        variables = {each["secretKey"]: each["envVar"] for each in secret["keyToEnv"]}
        assert variables["password"] == "ELMO_TFX_METADATA_PASSWORD"
        assert set(variables) == {"host", "port", "database", "user", "password"}


def test_the_receivers_address_is_a_secret_of_the_cluster_and_only_if_it_is_told(
    tmp_path,
):
    on = {"push.webhook": True}
    spec, platform = _compile(tmp_path / "kubeflow.yaml", **on)
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for options in executors.values():
        _, secret = options["secretAsEnv"]
        assert secret["secretName"] == "elmo-tfx-webhook"
        assert secret["keyToEnv"] == [
            {"secretKey": "address", "envVar": "ELMO_TFX_WEBHOOK"}
        ]
    [spec, *_] = _compile(tmp_path / "vertex.yaml", "vertex", **_VERTEX, **on)
    variables = {e["name"]: e["value"] for e in _container(spec, "Pusher")["env"]}
    assert variables["ELMO_TFX_WEBHOOK_FILE"] == "/gcs/secrets/elmo-tfx-webhook"


def test_figures_pages_and_the_model_are_declared(documents):
    components_of = documents[0]["components"]

    def declared(step):
        made = components_of[f"comp-{step}"]["outputDefinitions"]["artifacts"]
        return {name: of["artifactType"]["schemaTitle"] for name, of in made.items()}

    assert declared("evaluator") == {
        "metrics": "system.Metrics",
        "report": "system.HTML",
    }
    assert declared("statisticsgen") == {"report": "system.HTML"}
    assert declared("pusher") == {"model": "system.Model"}
    assert declared("end") == {"summary": "system.Markdown", "report": "system.HTML"}


def test_the_same_configuration_makes_the_same_package(documents, tmp_path):
    assert _compile(tmp_path / "again.yaml") == documents


@pytest.mark.slow
def test_vertex_gets_one_document_that_its_library_loads(vertex):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    path, documents = vertex
    (spec,) = documents
    job = aiplatform.PipelineJob(
        display_name="nightly",
        template_path=str(path),
        pipeline_root="gs://bucket/root",
        parameter_values={"span": "3", "force": True},
        enable_caching=False,
        project="a-project",
        location="europe-west4",
        credentials=AnonymousCredentials(),
    )
    assert job.project == "a-project"
    assert set(_tasks(spec)) >= {"Trainer", "Pusher", "End"}


def test_vertex_gets_buckets_as_folders_and_never_the_password(vertex):
    _, (spec,) = vertex
    inputs = spec["root"]["dag"]["tasks"]["start"]["inputs"]["parameters"]
    config = json.loads(inputs["config"]["runtimeValue"]["constant"])
    assert config["output"] == "/gcs/bucket/elmo"
    environment = {
        each["name"]: each["value"] for each in _container(spec, "Start")["env"]
    }
    assert environment["ELMO_TFX_METADATA_HOST"] == "10.0.0.3"
    assert environment["ELMO_TFX_METADATA_PASSWORD_FILE"].startswith("/gcs/")
    assert "ELMO_TFX_METADATA_PASSWORD" not in environment


@pytest.mark.parametrize(
    ("change", "platform", "message"),
    [
        ({"kubeflow.image": None}, "kubeflow", "kubeflow.image is required"),
        ({"output": "out"}, "kubeflow", "below /data/. Received: out"),
        ({"output": "/data"}, "kubeflow", "below /data/. Received: /data"),
        ({"output": "/data/o"}, "vertex", "gs://bucket/folder. Received: /data/o"),
        ({"output": "gs://b/o"}, "vertex", "vertex.metadata_host is required"),
        (
            {"kubeflow.steps": {"Traner": {"memory": "1Gi"}}},
            "kubeflow",
            "there is no step Traner; the steps are: AnomalyGate, ",
        ),
    ],
)
def test_what_a_cluster_cannot_run_is_refused(tmp_path, change, platform, message):
    with pytest.raises(ConfigError, match=message):
        _compile(tmp_path / "p.yaml", platform, **change)
    assert not (tmp_path / "p.yaml").exists()
