"""Executes a compiled package as the back end of Kubeflow Pipelines does.

Every step's command is run in a process of its own, in an empty working folder, with
nothing but the environment and the volume that the package's Kubernetes part names.
What KFP's back end does is done here by hand, since it is a set of programs inside a
cluster: this walks the graph, fills in inputs and placeholders, evaluates conditions,
runs at most two steps at a time, and starts a step again whose processes have all been
killed, as when its machine dies. One whose program has failed it does not start again,
as KFP since 2.17. The messages that steps
get and give are checked against the protos of KFP's specification.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

SUCCEEDED, FAILED, SKIPPED = "succeeded", "failed", "skipped"

_RUN_ID = "{{$.pipeline_job_uuid}}"
_CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == '([^']*)'")
_PATH = re.compile(r"\{\{\$\.outputs\.artifacts\['([^']+)'\]\.path\}\}")
_AT_ONCE = 2
_STEP_SECONDS = 600  # all tries together


@dataclass
class Attempt:
    """One start of a step's container."""

    step: str
    number: int  # from 1
    arguments: list[str]
    folder: Path
    process: subprocess.Popen
    log: Path


@dataclass
class Outcome:
    """What became of a run."""

    states: dict[str, str] = field(default_factory=dict)  # step -> state
    attempts: list[Attempt] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)  # step.output -> content

    def log(self, step: str) -> str:
        """What the last attempt of a step wrote."""
        attempts = [each for each in self.attempts if each.step == step]
        return attempts[-1].log.read_text()


class PackageExecutor:
    """The package, and what stands for the cluster.

    Args:
        package: The compiled YAML.
        volumes: Claim -> folder, which must be the package's mount path: there are no
            mounts here.
        secrets: Secret -> keys and values.
        folder: For the working folders of steps.
        started: Called with each attempt when its process has begun.
        environment: More variables for the steps, such as those by which they fail.
    """

    def __init__(
        self,
        package: Path,
        *,
        volumes: Mapping[str, Path],
        secrets: Mapping[str, Mapping[str, str]],
        folder: Path,
        started: Callable[[Attempt], None] = lambda attempt: None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._spec, platform = yaml.safe_load_all(package.read_text())
        kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]
        self._kubernetes = kubernetes["executors"]
        self._volumes, self._secrets = volumes, secrets
        self._folder, self._started = folder, started
        self._more = dict(environment or {})
        self._lock = threading.Lock()

    def run(self, run_id: str, **parameters: Any) -> Outcome:
        """Runs the pipeline to its end, or to the first step that fails for good."""
        outcome = Outcome()
        definitions = self._spec["root"]["inputDefinitions"]["parameters"]
        assert set(parameters) <= set(definitions)
        inputs = {
            name: parameters.get(name, definition.get("defaultValue"))
            for name, definition in definitions.items()
        }
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._walk(self._spec["root"]["dag"], inputs, run_id, outcome, pool)
        return outcome

    def _walk(
        self,
        dag: Mapping[str, Any],
        inputs: Mapping[str, Any],
        run_id: str,
        outcome: Outcome,
        pool: ThreadPoolExecutor,
    ) -> None:
        tasks = dict(dag["tasks"])
        made: dict[str, dict[str, Any]] = {}
        running: dict[Future, str] = {}
        while tasks or running:
            for name, task in list(tasks.items()):
                if set(task.get("dependentTasks", ())) <= set(made):
                    values = _inputs_of(task, inputs, made, run_id)
                    component = self._spec["components"][task["componentRef"]["name"]]
                    del tasks[name]
                    if "dag" not in component:
                        work = (task, component, values, run_id, outcome)
                        running[pool.submit(self._step, *work)] = name
                    elif _is_met(task, values):
                        self._walk(component["dag"], values, run_id, outcome, pool)
                        made[name] = {}
                    else:
                        for step in _steps(self._spec, component["dag"]):
                            outcome.states[step] = SKIPPED
                        made[name] = {}
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                outputs = future.result()
                if outputs is None:
                    tasks.clear()  # KFP starts nothing more once a step has failed
                else:
                    made[name] = outputs

    def _step(
        self,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        values: Mapping[str, Any],
        run_id: str,
        outcome: Outcome,
    ) -> dict[str, Any] | None:
        """Runs a step until it succeeds; None if it never did."""
        step = task["taskInfo"]["name"]
        retries = int(task.get("retryPolicy", {}).get("maxRetryCount", 0))
        for number in range(1, retries + 2):
            folder = self._folder / run_id / f"{step}-{number}"
            folder.mkdir(parents=True)
            status, outputs = self._attempt(
                step, number, component, values, folder, outcome
            )
            if outputs is not None:
                with self._lock:
                    outcome.states[step] = SUCCEEDED
                    outcome.outputs[step] = outputs
                return outputs
            if status > 0:
                break
        with self._lock:
            outcome.states[step] = FAILED
        return None

    def _attempt(
        self,
        step: str,
        number: int,
        component: Mapping[str, Any],
        values: Mapping[str, Any],
        folder: Path,
        outcome: Outcome,
    ) -> tuple[int, dict[str, Any] | None]:
        """Returns the exit status, and the outputs if it is 0."""
        label = component["executorLabel"]
        container = self._spec["deploymentSpec"]["executors"][label]["container"]
        message = _executor_input(component, values, folder)
        arguments = [
            _filled(argument, message)
            for argument in (*container["command"], *container.get("args", ()))
        ]
        arguments += ["--pause-seconds", "0.5"]  # half a minute in a cluster
        log = folder / "log"
        (folder / "work").mkdir()
        with log.open("wb") as file:
            process = subprocess.Popen(
                arguments,
                cwd=folder / "work",
                env=self._environment(label, folder),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            attempt = Attempt(step, number, arguments, folder, process, log)
            with self._lock:
                outcome.attempts.append(attempt)
            self._started(attempt)
            status = process.wait(_STEP_SECONDS)
        if status:
            return status, None
        return status, _outputs(step, component, message, outcome)

    def _environment(self, label: str, folder: Path) -> dict[str, str]:
        options = self._kubernetes[label]
        for mount in options["pvcMount"]:
            claimed = mount.get("constant") or mount["pvcNameParameter"]["runtimeValue"]
            claim = claimed if isinstance(claimed, str) else claimed["constant"]
            assert mount["mountPath"] == str(self._volumes[claim])
        programs = [str(Path(sys.executable).parent), "/usr/bin", "/bin"]
        environment = {"PATH": os.pathsep.join(programs), "HOME": str(folder / "work")}
        environment |= self._more
        for secret in options["secretAsEnv"]:
            name = secret.get("secretName")
            name = name or secret["secretNameParameter"]["runtimeValue"]["constant"]
            for key in secret["keyToEnv"]:
                environment[key["envVar"]] = self._secrets[name][key["secretKey"]]
        return environment


def _inputs_of(
    task: Mapping[str, Any],
    outer: Mapping[str, Any],
    made: Mapping[str, Mapping[str, Any]],
    run_id: str,
) -> dict[str, Any]:
    inputs = {}
    for name, source in task.get("inputs", {}).get("parameters", {}).items():
        if "componentInputParameter" in source:
            inputs[name] = outer[source["componentInputParameter"]]
        elif "taskOutputParameter" in source:
            of = source["taskOutputParameter"]
            inputs[name] = made[of["producerTask"]][of["outputParameterKey"]]
        else:
            constant = source["runtimeValue"]["constant"]
            inputs[name] = run_id if constant == _RUN_ID else constant
    return inputs


def _is_met(task: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    condition = task.get("triggerPolicy", {}).get("condition")
    if condition is None:
        return True
    match = _CONDITION.fullmatch(condition)
    assert match, condition
    return values[match[1]] == match[2]


def _steps(spec: Mapping[str, Any], dag: Mapping[str, Any]) -> Iterator[str]:
    for task in dag["tasks"].values():
        component = spec["components"][task["componentRef"]["name"]]
        if "dag" in component:
            yield from _steps(spec, component["dag"])
        else:
            yield task["taskInfo"]["name"]


def _executor_input(
    component: Mapping[str, Any], values: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    declared = component.get("outputDefinitions", {})
    message = {
        "inputs": {"parameterValues": dict(values)},
        "outputs": {
            "parameters": {
                name: {"outputFile": str(folder / "parameters" / name)}
                for name in declared.get("parameters", {})
            },
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "name": name,
                            "type": {"schemaTitle": of["artifactType"]["schemaTitle"]},
                            "uri": f"minio://{folder}/artifacts/{name}",
                        }
                    ]
                }
                for name, of in declared.get("artifacts", {}).items()
            },
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    json_format.ParseDict(message, pipeline_spec_pb2.ExecutorInput())
    return message


def _filled(argument: str, message: Mapping[str, Any]) -> str:
    if argument == "{{$}}":
        return json.dumps(message)
    return _PATH.sub(lambda match: _local(message, match[1]), argument)


def _local(message: Mapping[str, Any], output: str) -> str:
    (artifact,) = message["outputs"]["artifacts"][output]["artifacts"]
    return artifact["uri"].removeprefix("minio://")


def _outputs(
    step: str,
    component: Mapping[str, Any],
    message: Mapping[str, Any],
    outcome: Outcome,
) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    for name, place in message["outputs"]["parameters"].items():
        outputs[name] = Path(place["outputFile"]).read_text("utf-8")
    for name in message["outputs"]["artifacts"]:
        path = Path(_local(message, name))
        if path.exists():
            outcome.pages[f"{step}.{name}"] = path.read_text("utf-8")
    described = Path(message["outputs"]["outputFile"])
    if described.exists():
        parsed = json_format.Parse(
            described.read_text(), pipeline_spec_pb2.ExecutorOutput()
        )
        for name, artifacts in parsed.artifacts.items():
            (artifact,) = artifacts.artifacts
            metadata = json_format.MessageToDict(artifact.metadata)
            outputs[name] = {"uri": artifact.uri, **metadata}
    return outputs
