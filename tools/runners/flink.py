"""An Apache Flink session cluster, with Beam's job server in front of it."""

from __future__ import annotations

from pathlib import Path

from tools.runners import flink_cluster, flink_jars
from tools.runners.runner import Runner, portable_options, worker_pool
from tools.runners.services import Service, accepts, free_port

PARALLELISM = 2


def prepare(folder: Path, *, cache: Path) -> Runner:
    """Fetches what is missing, writes the cluster's configuration, gives the runner.

    Args:
        folder: For the configuration and what the job server stages.
        cache: Where the jars are kept.

    Raises:
        Unavailable: There is no Java, or the job server's jar cannot be had.
    """
    java = flink_jars.java()
    job_server = flink_jars.job_server(cache)
    libraries = flink_jars.libraries(cache)
    rest, jobs, pool = free_port(), free_port(), free_port()
    flink_cluster.write_configuration(folder, rest_port=rest)
    return Runner(
        (
            *flink_cluster.services(java, libraries, folder, rest_port=rest),
            Service(
                "job-server",
                [
                    *(java, "-jar", str(job_server)),
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
