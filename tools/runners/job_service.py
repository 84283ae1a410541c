"""Beam's job service in Python, which comes with the SDK."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.runners.runner import Runner, portable_options, worker_pool
from tools.runners.services import Service, accepts, free_port


def prepare(folder: Path, *, cache: Path) -> Runner:
    """Gives the runner; nothing has to be fetched.

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
