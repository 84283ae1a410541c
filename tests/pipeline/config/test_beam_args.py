from __future__ import annotations

import socket

import pytest

from pipeline.config.checked import BeamArgsError, check_beam_args, complete_beam_args


def test_a_job_on_a_server_may_take_longer_than_beams_300_seconds():
    from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

    def seconds(*given):
        options = PipelineOptions(complete_beam_args(given))
        return options.view_as(PortableOptions).job_server_timeout

    assert seconds("--runner=PortableRunner") == 30 * 24 * 3600
    assert seconds("--runner=FlinkRunner", "--job_server_timeout=9") == 9


def test_a_runner_that_serves_keeps_its_workers_from_one_stage_to_the_next():
    from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

    def milliseconds(*given):
        options = PipelineOptions(complete_beam_args(given))
        return int(options.view_as(PortableOptions).environment_cache_millis)

    assert milliseconds("--runner=PortableRunner") == 20_000
    assert milliseconds("--runner=Flink", "--environment_cache_millis=9") == 9
    assert not any("cache" in arg for arg in complete_beam_args([]))


@pytest.mark.parametrize("name", ["flink", "FlinkRunner", "a.module.Runner"])
def test_a_runner_is_known_by_its_name_or_its_module(name):
    check_beam_args([f"--runner={name}"])


def test_a_job_server_that_does_not_answer_is_named_before_anything_runs():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        endpoint = f"localhost:{server.getsockname()[1]}"
        given = ["--runner=PortableRunner", f"--job_endpoint={endpoint}"]
        with pytest.raises(
            BeamArgsError, match=f"answers at .*{endpoint}.*: .*refused"
        ):
            check_beam_args(given)
        server.listen()
        check_beam_args(given)


def test_the_local_runner_has_no_option_that_it_does_not_know():
    check_beam_args(["--direct_num_workers=2"])
    with pytest.raises(BeamArgsError, match="`--runer`.*did you mean --runner"):
        check_beam_args(["--runer=PortableRunner"])
    check_beam_args(["--runner=FlinkRunner", "--checkpointing_interval=9"])


@pytest.mark.parametrize("endpoint", ["embed", ""])
def test_an_endpoint_that_is_no_address_is_left_to_beam(endpoint):
    check_beam_args(["--runner=PortableRunner", f"--job_endpoint={endpoint}"])


def test_a_port_that_is_no_number_is_refused():
    with pytest.raises(BeamArgsError, match="--job_endpoint=localhost:http"):
        check_beam_args(["--job_endpoint=localhost:http"])
