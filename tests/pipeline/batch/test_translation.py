"""Jobs as Flink, Spark and Dataflow get them, with the options of docs/runners.md.

Nothing is sent: Beam's own code translates the graph, up to the request that would
start the job.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_runner_api_pb2 as beam_api
from apache_beam.runners.dataflow.internal import apiclient
from apache_beam.runners.portability.fn_api_runner import translations
from apache_beam.runners.portability.portable_runner import PortableRunner

from components.text_example_gen.options import ReadOptions
from pipeline.batch.embedding import Embedder
from pipeline.batch.graph import ScoreFiles
from pipeline.batch.splitting import FileGroup, InputFile
from pipeline.batch.staging import BatchJob, Request
from tests.pipeline.batch import beam_graph

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "runners.md"
_IMAGE = "IMAGE"  # as the page calls it
_BYTES = 300_000  # of a graph, which names code and models and holds none
_MODULES = {  # of our functions, by their labels in the graph
    "Split": "pipeline.batch.splitting",
    "Columns": "pipeline.batch.graph",
    "Chunks": "pipeline.batch.graph",
    "Score": "pipeline.batch.scoring",
    "PlanShards": "pipeline.batch.graph",
    "Join": "pipeline.batch.shards",
    "WriteCounts": "pipeline.batch.graph",
}
_SIDE_INPUTS = {  # as in BatchSideInputHandlerFactory of Flink and Spark
    common_urns.side_inputs.ITERABLE.urn,
    common_urns.side_inputs.MULTIMAP.urn,
}
_CODERS = {
    *(
        coder.urn
        for coder in vars(common_urns.coders).values()
        if hasattr(coder, "urn")
    ),
    # What these write is bytes to a runner (LengthPrefixUnknownCoders).
    python_urns.PICKLED_CODER,
    python_urns.TUPLE_CODER,
}


def _documented(*, dataflow: bool) -> Iterator[list[str]]:
    """The options behind `--` of the commands on the page."""
    text = _PAGE.read_text("utf-8").replace("\\\n", " ")
    for command in re.findall(r"^\$ elmo-tfx (.*)", text, flags=re.MULTILINE):
        options = shlex.split(command.partition(" -- ")[2])
        if ("--runner=DataflowRunner" in options) == dataflow:
            yield options


def _id(options: list[str]) -> str:
    named = dict(option.removeprefix("--").split("=", 1) for option in options)
    return f"{named['runner']}-{named['environment_type']}"


_PORTABLE = list(_documented(dataflow=False))
[_DATAFLOW] = _documented(dataflow=True)


@pytest.fixture(autouse=True, scope="module")
def no_network():
    def refuse(_, address):
        raise AssertionError(f"nothing may be sent, but this goes to {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="module", params=["predict", "embed"])
def scorer(request, predictor):
    return predictor if request.param == "predict" else Embedder(source="default")


@pytest.fixture(
    scope="module",
    # The scorer is one value in the graph: with another one, no option means more.
    params=[*((options, False) for options in _PORTABLE), (_PORTABLE[0], True)],
    ids=lambda param: _id(param[0]) + ("-embed" if param[1] else "-predict"),
)
def sent(request, predictor):
    """A command's options for Flink or Spark, and what its job server gets."""
    arguments, is_embed = request.param
    options = PipelineOptions(arguments)
    scorer = Embedder(source="default") if is_embed else predictor
    pipeline = _pipeline(options, scorer)
    return options, PortableRunner.get_proto_pipeline(pipeline, options)


@pytest.fixture(scope="module")
def graph(sent):
    """What the job server of Flink or Spark gets."""
    return sent[1]


@pytest.fixture(scope="module")
def dataflow(scorer):
    """What Dataflow gets: the job's description, and its graph."""
    staged = {}

    def stage(self, folder, name, stream, *_, **__):
        staged[name] = stream.read()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apiclient.DataflowApplicationClient, "stage_file", stage)
        # It would ask Google about the bucket.
        patch.setattr(
            GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda *_: None
        )
        # A template is described as a job is, but not submitted.
        unsent = ("--template_location=gs://my-bucket/template", "--no_auth")
        _pipeline(PipelineOptions([*_DATAFLOW, *unsent]), scorer).run()
    graph = beam_api.Pipeline.FromString(staged["pipeline.pb"])
    return json.loads(staged["template"]), graph


def _pipeline(options: PipelineOptions, scorer) -> beam.Pipeline:
    path = "gs://my-bucket/new/0.csv"
    request = Request(
        inputs=(path,),
        options=ReadOptions(label_column=None, keep_all=True),
        keep=None,
        output="gs://my-bucket/scored",
        overwrite=False,
        format="jsonl",
        shards=None,
        chunk_rows=8192,
        chunk_chars=2**20,
        beam_args=(),
    )
    job = BatchJob(request, "gs://my-bucket/scored.unfinished/0")
    file = InputFile(
        path=path, size_bytes=1, changed=0.0, noted_ns=0, in_class_folder=""
    )
    groups = [FileGroup(number=0, files=[file])]
    pipeline = beam.Pipeline(options=options)
    _ = pipeline | "ScoreFiles" >> ScoreFiles(groups, job, scorer)
    return pipeline


def _check_code_travels_by_name(graph: beam_api.Pipeline) -> None:
    assert graph.ByteSize() < _BYTES
    pardos = beam_graph.pardos(graph)
    for label, module in _MODULES.items():
        assert module.encode() in beam_graph.pickled(pardos[label])
    for label, pardo in pardos.items():
        # Code that travels itself has the name of its file with it.
        file = rb"(pipeline|components|keras_elmo)(/\w+)+\.py"
        assert not re.search(file, beam_graph.pickled(pardo)), f"{label} holds our code"


@pytest.mark.parametrize("arguments", [*_PORTABLE, _DATAFLOW])
def test_beam_knows_the_options_of_the_page(arguments):
    known = PipelineOptions(arguments).get_all_options()
    for option in arguments:
        name, _, value = option.removeprefix("--").partition("=")
        assert str(known.get(name)) == value


def test_flink_and_spark_can_do_every_step_of_the_graph(graph):
    fused = translations.optimize_pipeline(
        graph,
        phases=translations.standard_optimize_phases(),
        known_runner_urns=beam_graph.BY_RUNNER,
    )
    roots = [fused.components.transforms[name] for name in fused.root_transform_ids]
    assert beam_graph.urns(roots) <= {*beam_graph.BY_RUNNER, beam_graph.STAGE}
    # Each is an exchange, and on some runners a start of workers.
    assert sum(root.spec.urn == beam_graph.STAGE for root in roots) == 7
    by_workers = beam_graph.stages(fused)
    assert beam_graph.urns(by_workers) <= beam_graph.BY_WORKERS
    assert beam_graph.names(by_workers) >= {*_MODULES}


def test_flink_and_spark_can_give_every_side_input(graph):
    side_inputs = [
        side_input.access_pattern.urn
        for pardo in beam_graph.pardos(graph).values()
        for side_input in pardo.side_inputs.values()
    ]
    assert side_inputs and {*side_inputs} <= _SIDE_INPUTS


def test_flink_and_spark_know_the_coders_and_have_no_key_to_group_by(graph):
    coders = graph.components.coders.values()
    assert {coder.spec.urn for coder in coders} <= _CODERS
    assert not beam_graph.group_by_key_coders(graph)


def test_flink_and_spark_know_where_the_workers_are(sent):
    options, graph = sent
    values = options.get_all_options()
    environment = beam_graph.environment(graph)
    if values["environment_type"] == "DOCKER":
        assert beam_graph.image(environment) == _IMAGE
    else:
        assert environment.urn == common_urns.environments.EXTERNAL.urn
        pool = beam_api.ExternalPayload.FromString(environment.payload)
        assert pool.endpoint.url == values["environment_config"]


def test_flink_and_spark_get_names_of_code_and_no_code(graph):
    _check_code_travels_by_name(graph)


def test_dataflow_knows_every_step_of_the_graph(dataflow):
    _, graph = dataflow
    steps = beam_graph.steps(graph)
    assert beam_graph.urns(steps) <= beam_graph.BY_RUNNER | beam_graph.BY_WORKERS
    assert beam_graph.names(steps) >= {*_MODULES}


def test_dataflow_starts_the_workers_asked_for_from_the_image(dataflow):
    description, graph = dataflow
    [pool] = description["environment"]["workerPools"]
    assert pool["numWorkers"] == 4
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 16
    assert pool["machineType"] == "n2-highmem-4"
    [container] = pool["sdkHarnessContainerImages"]
    assert container["containerImage"] == _IMAGE
    assert beam_graph.image(beam_graph.environment(graph)) == _IMAGE


def test_dataflow_installs_nothing_on_top_of_the_image(dataflow):
    _, graph = dataflow
    staged = [
        beam_api.ArtifactStagingToRolePayload.FromString(each.role_payload).staged_name
        for each in beam_graph.environment(graph).dependencies
    ]
    # A list for the log, and the names of the main module, which here is pytest's.
    assert {*staged} <= {
        "submission_environment_dependencies.txt",
        "pickled_main_session",
    }


def test_dataflow_gets_names_of_code_and_no_code(dataflow):
    _, graph = dataflow
    _check_code_travels_by_name(graph)
