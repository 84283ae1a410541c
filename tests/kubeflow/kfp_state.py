"""What a Kubeflow Pipelines server keeps, in memory, and what it refuses.

Each public method of `State` is a call of the API; its answer is JSON as the API
gives it. Ids are numbered, so that a failing test can be read.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import yaml

_ZERO = "1970-01-01T00:00:00Z"  # what the server says for "not yet"
_CREATED = "2026-03-01T03:00:00Z"
_PAGE = 2  # items at most, so that a client must turn pages


class Refusal(Exception):
    """The server refuses a request.

    Args:
        status: HTTP status.
        code: Number of gRPC.
        message: As KFP words it.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "code": code, "message": message, "details": []}


class State:
    """The things of one server.

    Args:
        multi_user: Whether each namespace has its own.
    """

    def __init__(self, *, multi_user: bool = False) -> None:
        self.multi_user = multi_user
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring: dict[str, dict[str, Any]] = {}
        self.script: list[dict[str, Any]] = []
        """What becomes of a run: `state`, `tasks` and more, one for each time it is
        asked for; the last one stays."""
        self._numbers = itertools.count(1)

    def get_healthz(self, query, path, body):
        return {"multi_user": self.multi_user}

    def list_pipelines(self, query, path, body):
        of = query.get("namespace", "")
        pipelines = [p for p in self.pipelines.values() if p.get("namespace", "") == of]
        return self._page("pipelines", pipelines, query)

    def create_pipeline(self, query, path, body):
        name = _required(body, "display_name", "pipeline")
        of = body.get("namespace", "")
        for pipeline in self.pipelines.values():
            if (pipeline["display_name"], pipeline.get("namespace", "")) == (name, of):
                raise _exists("pipeline", name)
        return self._put(self.pipelines, "pipeline", body)

    def list_pipeline_versions(self, query, path, body):
        self._known(self.pipelines, "Pipeline", path["pipeline_id"])
        versions = [
            version
            for version in self.versions.values()
            if version["pipeline_id"] == path["pipeline_id"]
        ]
        return self._page("pipeline_versions", versions, query)

    def upload_pipeline_version(self, query, path, body):
        pipeline = self._known(self.pipelines, "Pipeline", query["pipelineid"])
        name = _required(query, "name", "pipeline version")
        spec = list(yaml.safe_load_all(body))
        if "pipelineInfo" not in spec[0] or "root" not in spec[0]:
            raise Refusal(400, 3, "Invalid input error: invalid pipeline spec")
        of = pipeline["pipeline_id"]
        for version in self.versions.values():
            if (version["pipeline_id"], version["display_name"]) == (of, name):
                raise _exists("pipeline version", name)
        made = {"display_name": name, "pipeline_id": of, "pipeline_spec": spec[0]}
        return self._put(self.versions, "pipeline_version", made)

    def list_experiments(self, query, path, body):
        of = self._namespace(query)
        experiments = [
            experiment
            for experiment in self.experiments.values()
            if experiment.get("namespace", "") == of
        ]
        return self._page("experiments", experiments, query)

    def create_experiment(self, query, path, body):
        _required(body, "display_name", "experiment")
        self._namespace(body)
        return self._put(self.experiments, "experiment", body)

    def create_run(self, query, path, body):
        self._check_runnable(body)
        run = {**body, "state": "PENDING", "finished_at": _ZERO}
        return self._put(self.runs, "run", run)

    def get_run(self, query, path, body):
        run = self._known(self.runs, "Run", path["run_id"])
        if self.script:
            now = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            run = {**run, **now}
            tasks = run.pop("tasks", [])
            run["run_details"] = {"task_details": tasks}
        return run

    def list_runs(self, query, path, body):
        runs = [
            run
            for run in self.runs.values()
            if run["experiment_id"] == query["experiment_id"]
        ]
        if query.get("sort_by") == "created_at desc":
            runs.reverse()
        return self._page("runs", runs, query)

    def create_recurring_run(self, query, path, body):
        self._check_runnable(body)
        cron = body["trigger"]["cron_schedule"]["cron"]
        if len(cron.split()) != 6:
            message = f"Invalid input error: Schedule cron is not valid: {cron}"
            raise Refusal(400, 3, message)
        if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
            message = "The max_concurrency of the recurring run must be in [1, 10]"
            raise Refusal(400, 3, f"Invalid input error: {message}")
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}[body["mode"]]
        text = str(body["max_concurrency"])  # 64 bits: text in JSON
        made = {**body, "status": status, "max_concurrency": text}
        # The server names its own account if the request names none.
        made.setdefault("service_account", "pipeline-runner")
        return self._put(self.recurring, "recurring_run", made)

    def list_recurring_runs(self, query, path, body):
        recurring_runs = [
            recurring
            for recurring in self.recurring.values()
            if recurring["experiment_id"] == query["experiment_id"]
        ]
        return self._page("recurringRuns", recurring_runs, query)

    def enable_recurring_run(self, query, path, body):
        return self._switch(path, "ENABLED")

    def disable_recurring_run(self, query, path, body):
        return self._switch(path, "DISABLED")

    def delete_recurring_run(self, query, path, body):
        number = path["recurring_run_id"]
        self._known(self.recurring, "Job", number)
        del self.recurring[number]
        return {}

    def _switch(self, path: Mapping[str, str], status: str) -> dict[str, Any]:
        recurring = self._known(self.recurring, "Job", path["recurring_run_id"])
        recurring["status"] = status
        return {}

    def _check_runnable(self, body: Mapping[str, Any]) -> None:
        _required(body, "display_name", "run")
        self._known(self.experiments, "Experiment", body["experiment_id"])
        reference = body["pipeline_version_reference"]
        version = self._known(
            self.versions, "PipelineVersion", reference["pipeline_version_id"]
        )
        if version["pipeline_id"] != reference["pipeline_id"]:
            raise Refusal(400, 3, "Invalid input error: not a version of the pipeline")
        root = version["pipeline_spec"]["root"]
        inputs = root.get("inputDefinitions", {}).get("parameters", {})
        for name, value in body["runtime_config"].get("parameters", {}).items():
            kind = inputs.get(name, {}).get("parameterType")
            if kind is None or not isinstance(value, _TYPES[kind]):
                message = f"input parameter {name} has a wrong type or does not exist"
                raise Refusal(400, 3, f"Invalid input error: {message}")

    def _namespace(self, request: Mapping[str, Any]) -> str:
        of = request.get("namespace") or ""
        if self.multi_user and not of:
            message = "Invalid resource references. Namespace is empty"
            raise Refusal(400, 3, f"Invalid input error: {message}")
        return of

    def _put(self, where, kind: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        number = f"{kind.replace('_', '-')}-{next(self._numbers)}"
        where[number] = {**thing, f"{kind}_id": number, "created_at": _CREATED}
        return where[number]

    @staticmethod
    def _known(where, kind: str, number: str) -> dict[str, Any]:
        if number not in where:
            message = f"ResourceNotFoundError: {kind} {number} not found."
            raise Refusal(404, 5, message)
        return where[number]

    @staticmethod
    def _page(name: str, things: list[Any], query: Mapping[str, Any]) -> dict[str, Any]:
        for predicate in query.get("filter", []):
            assert predicate["operation"] == 1, predicate  # EQUALS
            key, value = predicate["key"], predicate["stringValue"]
            things = [thing for thing in things if thing[key] == value]
        begin = int(query.get("page_token") or 0)
        end = begin + min(_PAGE, int(query.get("page_size") or _PAGE))
        if not things:
            return {}  # the server leaves out what is empty
        page: dict[str, Any] = {name: things[begin:end], "total_size": len(things)}
        if end < len(things):
            page["next_page_token"] = str(end)
        return page


_TYPES: dict[str, type] = {
    "STRING": str,
    "NUMBER_INTEGER": int,
    "BOOLEAN": bool,
}


def _required(request: Mapping[str, Any], name: str, kind: str) -> str:
    if not request.get(name):
        raise Refusal(400, 3, f"Invalid input error: {kind} has no {name}")
    return request[name]


def _exists(kind: str, name: str) -> Refusal:
    message = f"Already exist error: The {kind} {name} already exist"
    return Refusal(409, 6, message)
