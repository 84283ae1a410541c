"""An Apache Flink session cluster, with Beam's job server in front of it.

The cluster has a job manager, and two task managers with two slots each.
"""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.runners.flink_jars import Jars, jars
from tools.runners.runner import Runner, Unavailable, portable_options, worker_pool
from tools.runners.services import Service, accepts, free_port

PARALLELISM = 2
TASK_MANAGERS = ("task-manager-1", "task-manager-2")
SLOTS = 2  # of each: one of them can hold a job of parallelism 2 alone

_ENTRY = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

# The work is Python's; Java leaves it the cores if it compiles its own code once only.
_JAVA = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# What Flink needs of Java 17, as the configuration that comes with Flink 1.20 has it.
_OPENED = (
    *("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util"),
    *("util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"),
)
_OPENS = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED] + [
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
]
# Of the two kinds of jars one logs with log4j, the other with slf4j-simple.
_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %-5p %c{1} %m%n
"""
_SIMPLE_LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss",
    # At INFO it writes all metrics of a job, in 3,000 lines.
    "-Dorg.slf4j.simpleLogger.log.org.apache.beam.runners.flink.FlinkPipelineRunner"
    "=warn",
)
_CONFIGURATION = "flink-conf.yaml"
_REST_PORT = "rest.port"


def prepare(folder: Path, *, cache: Path) -> Runner:
    """Fetches what is missing, writes the cluster's configuration, returns the runner.

    Args:
        folder: For the configuration and what the job server stages.
        cache: Where the jars are kept.

    Raises:
        Unavailable: There is no Java, or the job server cannot be had.
    """
    java = java_program()
    fetched = jars(cache)
    rest, jobs, pool = free_port(), free_port(), free_port()
    write_configuration(folder, fetched, rest_port=rest)
    return Runner(
        (
            *cluster(java, fetched, folder, rest_port=rest),
            Service(
                "job-server",
                [
                    *(java, *_JAVA, *_OPENS, *_SIMPLE_LOGGING, *fetched.job_server),
                    f"--flink-master=localhost:{rest}",
                    f"--flink-conf-dir={folder}",
                    f"--job-port={jobs}",
                    "--artifact-port=0",
                    "--expansion-port=0",
                    f"--artifacts-dir={folder / 'staging'}",
                ],
                accepts(jobs),
            ),
            worker_pool(pool),
        ),
        (*portable_options(jobs, pool), f"--parallelism={PARALLELISM}"),
    )


def java_program() -> str:
    """Returns the Java program.

    Raises:
        Unavailable: There is none.
    """
    found = shutil.which("java")
    if found is None:
        raise Unavailable("Flink needs Java 17, and there is no `java` on the path")
    return found


def write_configuration(folder: Path, fetched: Jars, *, rest_port: int) -> None:
    """Writes `flink-conf.yaml` and the logging's settings.

    A task manager that is started without Flink's scripts must be told every size.
    """
    settings = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": free_port(),
        "jobmanager.bind-host": "localhost",
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        _REST_PORT: rest_port,
        "taskmanager.host": "localhost",
        "taskmanager.bind-host": "localhost",
        "taskmanager.numberOfTaskSlots": SLOTS,
        "taskmanager.cpu.cores": float(SLOTS),
        "taskmanager.memory.framework.heap.size": "128m",
        "taskmanager.memory.task.heap.size": "512m",
        "taskmanager.memory.framework.off-heap.size": "128m",
        "taskmanager.memory.task.off-heap.size": "0b",
        "taskmanager.memory.managed.size": "256m",
        "taskmanager.memory.network.min": "128m",
        "taskmanager.memory.network.max": "128m",
        "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "192m",
        "taskmanager.memory.jvm-overhead.max": "192m",
        # Of 4,096. By default it is 512 for each exchange of each subtask, which a
        # graph with some exchanges does not get.
        "taskmanager.network.sort-shuffle.min-buffers": 32,
        # A task manager that is gone is noticed within ten seconds, and its work done
        # again by the others.
        "heartbeat.interval": 2000,
        "heartbeat.timeout": 10000,
        # As a whole: each of the tasks that fail with a worker would count as one try.
        "jobmanager.execution.failover-strategy": "full",
        "restart-strategy": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 3,
        "restart-strategy.fixed-delay.delay": "2s",
        "io.tmp.dirs": str(folder),
    }
    if fetched.is_on_cluster:
        # Beam keeps workers for a job's next stage only if its code is the cluster's.
        settings["classloader.resolve-order"] = "parent-first"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _CONFIGURATION).write_text(yaml.safe_dump(settings))
    (folder / "log4j.properties").write_text(_LOGGING)


def cluster(
    java: str, fetched: Jars, folder: Path, *, rest_port: int
) -> Iterator[Service]:
    """Yields the job manager, then the task managers, each ready with its slots.

    A task manager registers a moment before the job manager counts its slots.
    """

    def service(name: str, main: str, slots: int, *more: str) -> Service:
        command = [java, *_JAVA, *_OPENS, *_SIMPLE_LOGGING, "-cp", fetched.cluster]
        command += [f"-Dlog4j.configurationFile={folder / 'log4j.properties'}"]
        command += [main, "--configDir", str(folder), *more]
        return Service(name, command, lambda: _slots(rest_port) == slots)

    yield service("job-manager", _ENTRY, 0)
    for number, name in enumerate(TASK_MANAGERS, start=1):
        named = ("-D", f"taskmanager.resource-id={name}")
        yield service(name, _TASK_MANAGER, number * SLOTS, *named)


def busy_task_managers(folder: Path) -> list[str]:
    """Returns the names of the task managers that have work now.

    Args:
        folder: With the configuration of a cluster that runs.
    """
    settings = yaml.safe_load((folder / _CONFIGURATION).read_text())
    found = _ask(settings[_REST_PORT], "/taskmanagers")
    return [
        each["id"]
        for each in (found or {"taskmanagers": []})["taskmanagers"]
        if each["freeSlots"] < each["slotsNumber"]
    ]


def _slots(rest_port: int) -> int | None:
    """Returns how many slots the cluster has; None while nobody answers."""
    overview = _ask(rest_port, "/overview")
    return None if overview is None else overview["slots-total"]


def _ask(rest_port: int, path: str) -> dict[str, Any] | None:
    """Returns what the job manager says; None while nobody answers."""
    connection = http.client.HTTPConnection("localhost", rest_port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.load(answer) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
