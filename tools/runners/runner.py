"""What a runner is: services, and the options that send a job to them."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.runners.services import Service, accepts

REPOSITORY = Path(__file__).resolve().parents[2]
WORKER_POOL = "worker-pool"


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
    """Beam's worker pool: starts Python workers for a runner that asks for them.

    The workers run in this environment, with this source tree on their path.
    """
    # The pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    module = "apache_beam.runners.worker.worker_pool_main"
    return Service(
        WORKER_POOL,
        [sys.executable, "-m", module, f"--service_port={port}"],
        accepts(port),
        {"PATH": path, "PYTHONPATH": str(REPOSITORY)},
    )


def portable_options(job_port: int, pool_port: int) -> tuple[str, ...]:
    """The options for a job service and a worker pool on this machine."""
    return (
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{job_port}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool_port}",
    )


def beam_version() -> str:
    """The Beam release of this environment; a runner must be of the same one."""
    return importlib.metadata.version("apache-beam")
