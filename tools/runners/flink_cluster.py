"""A Flink session cluster: a job manager, and two task managers with two slots each."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.runners.services import Service, free_port

TASK_MANAGERS = ("task-manager-1", "task-manager-2")
SLOTS = 2  # of each: one of them can hold a job of parallelism 2 alone

_ENTRY = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_HEAP = "-Xmx1g"

# What Flink 1.20 needs of Java 17, as its own configuration has it.
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
_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %-5p %c{1} %m%n
"""


def write_configuration(folder: Path, *, rest_port: int) -> None:
    """Writes `config.yaml` and the logging's settings.

    A task manager that is started without Flink's scripts must be told every size.
    """
    settings = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": free_port(),
        "jobmanager.bind-host": "localhost",
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        "rest.port": rest_port,
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
        # A task manager that is gone is noticed within ten seconds, and its work done
        # again by the others.
        "heartbeat.interval": "2s",
        "heartbeat.timeout": "10s",
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 3,
        "restart-strategy.fixed-delay.delay": "2s",
        "io.tmp.dirs": str(folder),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    (folder / "log4j.properties").write_text(_LOGGING)


def services(
    java: str, libraries: Path, folder: Path, *, rest_port: int
) -> Iterator[Service]:
    """Gives the job manager, then the task managers, each ready when it is known."""

    def service(name: str, main: str, managers: int) -> Service:
        command = [java, _HEAP, *_OPENS, "-cp", f"{libraries.resolve()}/*"]
        command += [f"-Dlog4j.configurationFile={folder / 'log4j.properties'}"]
        command += [main, "--configDir", str(folder)]
        return Service(name, command, lambda: _task_managers(rest_port) == managers)

    yield service("job-manager", _ENTRY, 0)
    for number, name in enumerate(TASK_MANAGERS, start=1):
        yield service(name, _TASK_MANAGER, number)


def _task_managers(rest_port: int) -> int | None:
    """How many task managers have registered; None while nobody answers."""
    connection = http.client.HTTPConnection("localhost", rest_port, timeout=5)
    try:
        connection.request("GET", "/overview")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            return None
        return json.load(answer)["taskmanagers"]
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
