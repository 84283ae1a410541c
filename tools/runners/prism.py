"""Prism, Beam's runner in Go, built from the Go module of this Beam release."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tools.runners.runner import (
    Runner,
    Unavailable,
    beam_version,
    portable_options,
    worker_pool,
)
from tools.runners.services import Service, accepts, free_port

_PACKAGE = "github.com/apache/beam/sdks/v2/go/cmd/prism"


def prepare(folder: Path, *, cache: Path) -> Runner:
    """Builds Prism if need be, and gives the runner.

    Args:
        folder: Not used.
        cache: Where the program is kept, one for each Beam release.

    Raises:
        Unavailable: There is no Go.
    """
    del folder
    program = build(cache)
    jobs, pool = free_port(), free_port()
    command = [str(program), f"-job_port={jobs}", "-serve_http=false"]
    service = Service("prism", command, accepts(jobs))
    return Runner((service, worker_pool(pool)), portable_options(jobs, pool))


def build(cache: Path) -> Path:
    """Gives the program, built of the release of Beam that is installed here.

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
    subprocess.run(
        [go, "install", f"{_PACKAGE}@v{version}"], env=environment, check=True
    )
    return program
