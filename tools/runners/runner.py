"""What a runner is, and the two that need no cluster: Beam's job service, and Prism."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.runners.services import Service, accepts, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
WORKER_POOL = "worker-pool"
_PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism"


class Unavailable(RuntimeError):
    """This machine cannot have the runner; the message says what is missing."""


@dataclass(frozen=True)
class Runner:
    """One runner.

    Args:
        services: In the order in which they start.
        options: What stands behind `--` of `elmo-tfx predict`, `embed` and `run`.
    """

    services: Sequence[Service]
    options: Sequence[str]


def worker_pool(port: int) -> Service:
    """Returns a worker pool, which starts Python workers when a runner asks.

    The workers run in this environment, with this source tree on their path.
    """
    # The pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return Service(
        WORKER_POOL,
        [sys.executable, "-m", "tools.runners.pool", f"--service_port={port}"],
        accepts(port),
        # Of a worker that crashes in a library nobody else would say a word.
        {"PATH": path, "PYTHONPATH": str(REPOSITORY), "PYTHONFAULTHANDLER": "1"},
    )


def portable_options(job_port: int, pool_port: int) -> tuple[str, ...]:
    """Returns the options for a job service and a worker pool on this machine."""
    return (
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{job_port}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool_port}",
    )


def beam_version() -> str:
    """Returns the Beam release of this environment; Prism must be of the same."""
    return importlib.metadata.version("apache-beam")


def job_service(folder: Path, *, cache: Path) -> Runner:
    """Returns Beam's own job service in Python; nothing has to be fetched.

    Args:
        folder: For what it stages.
        cache: Not used.
    """
    del cache
    jobs, pool = free_port(), free_port()
    module = "apache_beam.runners.portability.local_job_service_main"
    command = [sys.executable, "-m", module, f"--port={jobs}"]
    service = Service(
        "job-service", [*command, f"--staging_dir={folder / 'staging'}"], accepts(jobs)
    )
    return Runner((service, worker_pool(pool)), portable_options(jobs, pool))


def prism(folder: Path, *, cache: Path) -> Runner:
    """Returns Prism, Beam's runner in Go, which is built if need be.

    Args:
        folder: Not used.
        cache: Where the program is kept, one for each Beam release.

    Raises:
        Unavailable: There is no Go.
    """
    del folder
    program = build_prism(cache)
    jobs, pool = free_port(), free_port()
    command = [str(program), f"-job_port={jobs}", "-serve_http=false"]
    service = Service("prism", command, accepts(jobs))
    return Runner((service, worker_pool(pool)), portable_options(jobs, pool))


def build_prism(cache: Path) -> Path:
    """Returns the program, built of the release of Beam that is installed here.

    Raises:
        Unavailable: There is no Go.
    """
    version = beam_version()
    folder = cache.resolve() / f"prism-{version}"
    program = folder / "prism"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise Unavailable("Prism is built with Go, and there is no `go` on the path")
    # `go install` puts the program there when it is whole, and not before.
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    subprocess.run([go, "install", f"{_PRISM}@v{version}"], env=environment, check=True)
    return program
