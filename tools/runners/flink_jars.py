"""The jars of Beam's job server for Flink, and of a Flink that it can talk to.

Maven serves a job server in parts, with Flink. Where another one is named, it is one
jar, and Flink's jars come from PyPI.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.runners.runner import REPOSITORY, Unavailable

JAR_VARIABLE = "ELMO_TFX_FLINK_JOB_SERVER"
"""Names a job server's jar that is there already, for a cluster of Flink `NAMED`."""

MAVEN = "1.15"
"""The Flink whose job server comes from Maven."""

NAMED = "1.20"
"""The Flink of the job server that is named."""

_LISTS = REPOSITORY / "requirements" / "runners"
_PYPI = _LISTS / "flink.txt"
_POM = _LISTS / "flink-job-server.xml"
_HASHES = _LISTS / "flink-job-server.sha256"
_LIBRARIES = "/deps/lib/"
_DRIVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"

# A job server sends its class path along with each job, and a job manager takes long to
# read 150 MB. The cluster has it all, so only what must see Flink's loader of jobs is
# there; the rest is given to Java as parts of its own.
_SENT = (
    *("beam-runners-flink-", "flink-clients-", "flink-java-", "flink-optimizer-"),
    "flink-streaming-java-",
)
# How Maven says, now or of an earlier try, that it cannot have what was asked for.
_MISSING = (
    "Could not find artifact",
    "Could not transfer artifact",
    "Unable to find artifact",
    "Unknown host",
)


@dataclass(frozen=True)
class Jars:
    """What a cluster and its job server are started with.

    Args:
        flink: Flink's release, two numbers.
        cluster: Class path of job manager and task managers.
        job_server: Arguments of `java`, up to those of the job server.
        is_on_cluster: Whether the class path of the cluster has Beam, too.
    """

    flink: str
    cluster: str
    job_server: Sequence[str]
    is_on_cluster: bool


def jars(cache: Path) -> Jars:
    """Returns the jars, fetched if need be.

    Args:
        cache: Where they are kept.

    Raises:
        Unavailable: There is no Maven, or its repository does not have them.
    """
    given = os.environ.get(JAR_VARIABLE)
    if given:
        named = ("-jar", str(Path(given).resolve()))
        return Jars(NAMED, f"{from_pypi(cache).resolve()}/*", named, False)
    folder = from_maven(cache).resolve()
    every = sorted(map(str, folder.glob("*.jar")))
    sent = [jar for jar in every if Path(jar).name.startswith(_SENT)]
    own = [jar for jar in every if jar not in sent]
    command = (
        f"-Xbootclasspath/a:{os.pathsep.join(own)}",
        *("-cp", os.pathsep.join(sent), _DRIVER),
    )
    return Jars(MAVEN, f"{folder}/*", command, True)


def from_maven(cache: Path) -> Path:
    """Returns a folder with Beam's job server, Flink, and all that they need.

    Raises:
        Unavailable: There is no Maven, or its repository does not have them.
        RuntimeError: Maven failed otherwise, or brought other jars than the list has.
    """
    folder = cache / f"flink-{MAVEN}-job-server"
    if folder.exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(
            "Flink needs Beam's job server, and there is no `mvn` on the path to fetch "
            f"it (or name its jar with {JAR_VARIABLE})"
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        fetched = Path(name).resolve() / "jars"
        command = [maven, "-B", "-f", str(_POM), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={fetched}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            if any(words in done.stdout for words in _MISSING):
                raise Unavailable(
                    f"Flink needs what {_POM.name} lists, and the repository of `mvn` "
                    f"does not have all of it (name a jar with {JAR_VARIABLE})"
                )
            raise RuntimeError(f"mvn could not fetch Flink:\n{done.stdout[-2000:]}")
        check_hashes(fetched, _HASHES)
        fetched.rename(folder)
    return folder


def check_hashes(folder: Path, listed: Path) -> None:
    """Checks that a folder has the files of a list, and no others.

    Args:
        folder: With files.
        listed: Lines of SHA-256 and name, as `sha256sum` writes them.

    Raises:
        RuntimeError: With the names of files that differ, are missing, or too many.
    """
    expected = {}
    for line in listed.read_text("utf-8").splitlines():
        digest, name = line.split()
        expected[name] = digest
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
    }
    names = expected.keys() | found.keys()
    wrong = sorted(name for name in names if expected.get(name) != found.get(name))
    if wrong:
        raise RuntimeError(f"not as in {listed.name}: {', '.join(wrong)}")


def from_pypi(cache: Path) -> Path:
    """Returns a folder with the jars of a Flink cluster, from the package on PyPI."""
    folder = cache / f"flink-{NAMED}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        work = Path(name)
        # Without build isolation pip fetches nothing but what the list has a hash of.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--require-hashes", "--requirement"]
        subprocess.run([*command, str(_PYPI), "--dest", name], check=True)
        [archive] = work.glob("*.tar.gz")
        fetched = work / "jars"
        fetched.mkdir()
        with tarfile.open(archive) as tar:
            for member in tar:
                source = tar.extractfile(member)
                if _LIBRARIES in member.name and source is not None:
                    with (fetched / Path(member.name).name).open("wb") as target:
                        shutil.copyfileobj(source, target)
        fetched.rename(folder)
    return folder
