"""That the checks of requests and answers find what is wrong with them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import kfp_server_api
import pytest

from tests.kubeflow.kfp_schema import SchemaError, check, check_filter, operations
from tests.kubeflow.kfp_server import serving
from tests.kubeflow.kfp_state import State

_RUN = {
    "display_name": "a",
    "state": "RUNNING",
    "created_at": "2026-03-01T03:00:00Z",
    "runtime_config": {"parameters": {"span": "latest"}},
    "run_details": {"task_details": [{"display_name": "b", "state": "FAILED"}]},
}


def test_a_run_as_the_api_defines_it_is_taken():
    check(_RUN, "V2beta1Run")


@pytest.mark.parametrize(
    "change",
    [
        {"displayname": "a"},
        {"display_name": 1},
        {"state": "DONE"},
        {"created_at": "yesterday"},
        {"runtime_config": {"parameter": {}}},
        {"run_details": {"task_details": {"display_name": "b"}}},
        {"run_details": {"task_details": [{"state": "RUNING"}]}},
    ],
)
def test_what_the_api_does_not_define_is_refused(change):
    with pytest.raises((SchemaError, ValueError)):
        check({**_RUN, **change}, "V2beta1Run")


@pytest.mark.parametrize(
    "predicate",
    [
        {"operation": 99, "key": "display_name", "stringValue": "a"},
        {"operation": 1, "name": "display_name", "stringValue": "a"},
    ],
)
def test_a_wrong_filter_is_refused(predicate):
    with pytest.raises(SchemaError):
        check_filter(json.dumps({"predicates": [predicate]}))


def test_every_call_of_the_client_is_known_with_its_types():
    known = {operation.call: operation for operation in operations()}
    assert known["create_run"].body == "V2beta1Run"
    assert known["list_runs"].query >= {"page_token", "experiment_id", "filter"}
    assert known["upload_pipeline_version"].is_upload
    for operation in known.values():
        body = operation.body
        assert body in (None, "object", "str") or hasattr(kfp_server_api, body)


def test_the_servers_calls_are_calls_of_the_api():
    known = {operation.call for operation in operations()}
    calls = {name for name in vars(State) if not name.startswith("_")}
    assert calls and calls <= known


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("experiments", {"display_name": "a", "color": "red"}),
        ("experiments?name=a", {"display_name": "a"}),
        ("experimants", {}),
    ],
)
def test_a_wrong_request_fails_the_test_that_sent_it(path, body):
    with pytest.raises(SchemaError), serving() as server:
        request = urllib.request.Request(
            f"{server.address}/apis/v2beta1/{path}", json.dumps(body).encode()
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request)
