"""What building an image takes from this machine: rights, Debian, and the network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_NEEDED_BYTES = 6 * 1024**3
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class Unavailable(Exception):
    """This machine cannot build the image; the message says what is missing."""


def require(cache: Path) -> None:
    """Checks that an image can be built here, and makes the folder of its layers.

    Raises:
        Unavailable: Root, a tool, disk or overlays are missing.
    """
    if os.geteuid() != 0:
        raise Unavailable("needs root to mount and enter a tree")
    for program in ("debootstrap", "unshare", "chroot"):
        if shutil.which(program) is None:
            raise Unavailable(f"needs {program}, and there is none on the path")
    cache.mkdir(parents=True, exist_ok=True)
    built = any(cache.glob("*.key"))
    if not built and shutil.disk_usage(cache).free < _NEEDED_BYTES:
        raise Unavailable(f"needs 6 GB of disk at {cache}")
    trial = cache / "trial"
    places = [trial / name for name in ("lower", "upper", "work", "mount")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    options = "lowerdir={},upperdir={},workdir={}".format(*places)
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(places[-1])]
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", *mount],
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(trial)
    if done.returncode != 0:
        raise Unavailable(f"cannot mount an overlay at {cache}: {done.stderr.strip()}")


def debian(image: str, cache: Path) -> str:
    """Makes the base layer that stands for an image such as `debian:trixie-slim`.

    Returns:
        Its name in `cache`.

    Raises:
        Unavailable: debootstrap cannot make it, for want of a network mostly.
    """
    release = re.fullmatch(r"debian:(\w+)-slim", image)
    assert release, f"no image that debootstrap could make: {image}"
    name = f"debian-{release[1]}"
    if (cache / name).exists():
        return name
    new = cache / f"{name}.new"
    if new.exists():
        shutil.rmtree(new)
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", release[1], str(new)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join(done.stdout.splitlines()[-5:])
        raise Unavailable(f"debootstrap cannot make Debian {release[1]} here:\n{last}")
    (new / "etc" / "resolv.conf").touch()  # The machine's own is mounted over it.
    new.rename(cache / name)
    return name


def network(inside: str) -> tuple[str, dict[str, str]]:
    """How a command in the image reaches the package registries, as from this machine.

    Args:
        inside: Where it finds the machine's certificates.

    Returns:
        The file of certificates or nothing, and variables: the proxies, which Docker
        hands on as well, and pip's index and certificates.
    """
    both = [name for low in _PROXIES for name in (low, low.upper())]
    variables = {name: os.environ[name] for name in both if name in os.environ}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for index in re.findall(r"^[\w:.]+\.index-url='(.*)'$", listed, re.MULTILINE):
        variables["PIP_INDEX_URL"] = index  # The last one named wins, as in pip.
    if not _BUNDLE.exists():
        return "", variables
    return str(_BUNDLE), {**variables, "PIP_CERT": inside}
