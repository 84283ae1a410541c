"""An Apache Flink session cluster, with Beam's job server in front of it.

The cluster has a job manager, and two task managers with two slots each. Its jars are
fetched from PyPI and the job server from Maven, with the clients of these registries.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.runners.runner import (
    REPOSITORY,
    Runner,
    Unavailable,
    beam_version,
    portable_options,
    worker_pool,
)
from tools.runners.services import Service, accepts, free_port

FLINK = "1.20"
JAR_VARIABLE = "ELMO_TFX_FLINK_JOB_SERVER"
"""Names a job server's jar that is there already."""

PARALLELISM = 2
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
_LIST = REPOSITORY / "requirements" / "runners" / "flink.txt"
_LIBRARIES = "/deps/lib/"
# How Maven says so, now or of an earlier try.
_MISSING = ("Could not find artifact", "Unable to find artifact")


def prepare(folder: Path, *, cache: Path) -> Runner:
    """Fetches what is missing, writes the cluster's configuration, returns the runner.

    Args:
        folder: For the configuration and what the job server stages.
        cache: Where the jars are kept.

    Raises:
        Unavailable: There is no Java, or the job server's jar cannot be had.
    """
    java = java_program()
    server = job_server(cache)
    jars = libraries(cache)
    rest, jobs, pool = free_port(), free_port(), free_port()
    write_configuration(folder, rest_port=rest)
    return Runner(
        (
            *cluster(java, jars, folder, rest_port=rest),
            Service(
                "job-server",
                [
                    *(java, "-jar", str(server)),
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


def libraries(cache: Path) -> Path:
    """Returns a folder with the jars of a Flink cluster, from the package on PyPI."""
    folder = cache / f"flink-{FLINK}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        work = Path(name)
        # Without build isolation pip fetches nothing but what the list has a hash of.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--require-hashes", "--requirement"]
        subprocess.run([*command, str(_LIST), "--dest", name], check=True)
        [archive] = work.glob("*.tar.gz")
        jars = work / "jars"
        jars.mkdir()
        with tarfile.open(archive) as tar:
            for member in tar:
                source = tar.extractfile(member)
                if _LIBRARIES in member.name and source is not None:
                    with (jars / Path(member.name).name).open("wb") as target:
                        shutil.copyfileobj(source, target)
        jars.rename(folder)
    return folder


def job_server(cache: Path) -> Path:
    """Returns Beam's job server for Flink, of this Beam release, from Maven.

    Raises:
        Unavailable: There is no Maven, or its repository has no such jar.
    """
    given = os.environ.get(JAR_VARIABLE)
    if given:
        return Path(given).resolve()
    name = f"beam-runners-flink-{FLINK}-job-server"
    version = beam_version()
    jar = cache / f"{name}-{version}.jar"
    if jar.exists():
        return jar
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(
            "Flink needs Beam's job server, and there is no `mvn` on the path to fetch "
            f"it (or name its jar with {JAR_VARIABLE})"
        )
    artifact = f"org.apache.beam:{name}:{version}"
    done = subprocess.run(
        [maven, "-B", "dependency:copy", f"-Dartifact={artifact}"]
        + [f"-DoutputDirectory={cache.resolve()}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        if any(words in done.stdout for words in _MISSING):
            raise Unavailable(
                f"Flink needs {artifact}, which the repository of `mvn` does not have "
                f"(name its jar with {JAR_VARIABLE})"
            )
        raise RuntimeError(f"mvn could not fetch {artifact}:\n{done.stdout[-2000:]}")
    return jar


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


def cluster(
    java: str, libraries: Path, folder: Path, *, rest_port: int
) -> Iterator[Service]:
    """Yields the job manager, then the task managers, each ready with its slots.

    A task manager registers a moment before the job manager counts its slots.
    """

    def service(name: str, main: str, slots: int) -> Service:
        command = [java, _HEAP, *_OPENS, "-cp", f"{libraries.resolve()}/*"]
        command += [f"-Dlog4j.configurationFile={folder / 'log4j.properties'}"]
        command += [main, "--configDir", str(folder)]
        return Service(name, command, lambda: _slots(rest_port) == slots)

    yield service("job-manager", _ENTRY, 0)
    for number, name in enumerate(TASK_MANAGERS, start=1):
        yield service(name, _TASK_MANAGER, number * SLOTS)


def _slots(rest_port: int) -> int | None:
    """Returns how many slots the cluster has; None while nobody answers."""
    connection = http.client.HTTPConnection("localhost", rest_port, timeout=5)
    try:
        connection.request("GET", "/overview")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            return None
        return json.load(answer)["slots-total"]
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
