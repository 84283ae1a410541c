"""A built image: layers over each other, and commands that run in it as containers do.

A layer is a folder. Together they are mounted as an overlay, in a namespace whose
mounts end with the process that it was made for.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kubeflow.image_machine import Unavailable, network

# Messages of apt and pip.
_NO_NETWORK = ("Temporary failure", "Failed to establish a new connection")

# Mounts layers over each other at $4, with $2 on top of them, and starts the rest.
_ENTER = r"""
set -eu
lower=$1 upper=$2 work=$3 root=$4
shift 4
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
exec "$@"
"""
# In a process namespace of its own nothing that a command starts outlives it.
_NAMESPACES = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork"]
_NAMESPACES += ["--kill-child", "bash", "-c", _ENTER, "bash"]
# What Docker gives a container, and where the machine's certificates lie meanwhile.
_START = r"""
set -eu
root=$1 user=$2 folder=$3 certificates=$4
shift 4
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 run "$root/run"
[ -z "$certificates" ] || cp -L "$certificates" "$root/run/certificates.crt"
mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
while [ "$1" != -- ]; do
  mkdir -p "$root$1"
  mount --bind "$2" "$root$1"
  shift 2
done
shift
exec chroot --userspec="$user" "$root" /usr/bin/env --chdir="$folder" -i "$@"
"""


@dataclass(frozen=True)
class Image:
    """What a stage has come to.

    Args:
        cache: Where the layers are.
        layers: Their names, the lowest first.
        key: A hash of all that they were made from.
        environment: Its variables.
        user: A name or a number.
        folder: Where commands start.
        entrypoint: The first words of what it runs.
    """

    cache: Path
    layers: tuple[str, ...]
    key: str
    environment: Mapping[str, str]
    user: str = "0"
    folder: str = "/"
    entrypoint: Sequence[str] = ()

    def run(
        self,
        *command: str,
        volumes: Mapping[str, Path] | None = None,
        timeout: float = 300.0,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as a container would; what it writes is thrown away.

        Args:
            command: Its words; the entry point is not put before them.
            volumes: Folders of this machine, by their names inside.
            timeout: Seconds.
        """
        upper = empty(self.cache / "run")
        words = [*_variables(self.environment), *command]
        done = self.enter(
            upper,
            self._start(self.user, "", volumes or {}, words),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        shutil.rmtree(upper)
        return done

    def execute(self, upper: Path, words: Sequence[str]) -> None:
        """Runs a command with network whose changes land in `upper`, at a build.

        Raises:
            Unavailable: There is no network.
        """
        certificates, variables = network("/run/certificates.crt")
        words = [
            *_variables({"HOME": "/root", **self.environment, **variables}),
            *words,
        ]
        start = self._start(self.user, certificates, {}, words)
        done = self.enter(
            upper, start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            last = "\n".join(done.stdout.splitlines()[-15:])
            if any(message in done.stdout for message in _NO_NETWORK):
                raise Unavailable(f"a command of the image found no network:\n{last}")
            raise AssertionError(f"the image's command failed: {words[-1]}\n{last}")

    def enter(
        self, upper: Path, words: Sequence[str], **options
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command of this machine that sees the layers at `mount`."""
        work, mount = empty(self.cache / "work"), empty(self.cache / "mount")
        lower = ":".join(reversed(self.layers))
        places = [lower, str(upper), str(work), str(mount)]
        return subprocess.run(
            [*_NAMESPACES, *places, *words],
            cwd=self.cache,
            stdin=subprocess.DEVNULL,
            check=False,
            **options,
        )

    def _start(self, user, certificates, volumes, words) -> list[str]:
        bound = [str(word) for pair in volumes.items() for word in pair]
        # With the colon the group is the one that the image's passwd names.
        places = [str(self.cache / "mount"), f"{user}:", self.folder, certificates]
        return ["bash", "-c", _START, "bash", *places, *bound, "--", *words]


def _variables(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def empty(folder: Path) -> Path:
    """Makes a folder anew, with nothing in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o755)
    return folder
