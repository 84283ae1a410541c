"""Fetches Flink's jars and Beam's job server, with the clients of their registries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.runners.runner import REPOSITORY, Unavailable, beam_version

JAR_VARIABLE = "ELMO_TFX_FLINK_JOB_SERVER"
"""Names a job server's jar that is there already."""

FLINK = "1.20"
_LIST = REPOSITORY / "requirements" / "runners" / "flink.txt"
_LIBRARIES = "/deps/lib/"
# How Maven says so, now or of an earlier try.
_MISSING = ("Could not find artifact", "Unable to find artifact")


def java() -> str:
    """The Java program.

    Raises:
        Unavailable: There is none.
    """
    found = shutil.which("java")
    if found is None:
        raise Unavailable("Flink needs Java 17, and there is no `java` on the path")
    return found


def libraries(cache: Path) -> Path:
    """A folder with the jars of a Flink cluster, from PyPI's package of them."""
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
    """Beam's job server for Flink, of this Beam release, from Maven.

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
