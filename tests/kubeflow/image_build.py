"""Executes a target of kubeflow/Dockerfile on this machine, where there is no Docker.

Each instruction that changes files makes a layer, on a Debian from debootstrap. A layer
is kept until its instruction, what it copies or a layer below it changes, so that only
the first build takes minutes. All of them need 5 GB.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from tests.kubeflow.dockerfile import is_ignored, read_stages
from tests.kubeflow.image import Image, empty
from tests.kubeflow.image_machine import debian, require

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_FILES = {"ARG", "LABEL"}


@contextmanager
def built(repository: Path, target: str, cache: Path) -> Iterator[Image]:
    """Yields a target of the Dockerfile; nobody else changes the layers meanwhile.

    Raises:
        Unavailable: This machine cannot build it; the message says what is missing.
    """
    require(cache)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _Builder(repository, cache).stage(target)


def built_beside(image: Image, repository: Path, target: str) -> Image:
    """Returns another target, while `built` holds the layers for the first."""
    return _Builder(repository, image.cache).stage(target)


class _Builder:
    def __init__(self, repository: Path, cache: Path) -> None:
        text = (repository / "kubeflow" / "Dockerfile").read_text("utf-8")
        self._stages = read_stages(text)
        self._rules = (repository / ".dockerignore").read_text("utf-8")
        self._repository = repository
        self._cache = cache

    def stage(self, name: str) -> Image:
        if name not in self._stages:
            layer = debian(name, self._cache)
            return Image(self._cache, (layer,), layer, {"PATH": _PATH})
        stage = self._stages[name]
        image = self.stage(stage.base)
        for number, (instruction, rest) in enumerate(stage.instructions):
            layer = f"{name}-{number:02}"
            image = self._follow(image, layer, instruction, rest)
        return image

    def _follow(self, image: Image, layer: str, instruction: str, rest: str) -> Image:
        if instruction in _NOT_FILES:
            return image
        if instruction == "ENV":
            name, _, value = rest.partition("=")
            for variable, known in image.environment.items():
                value = value.replace(f"${variable}", known)
            return replace(image, environment={**image.environment, name: value})
        if instruction == "USER":
            return replace(image, user=rest)
        if instruction == "ENTRYPOINT":
            return replace(image, entrypoint=json.loads(rest))
        if instruction == "WORKDIR":
            made = self._run(image, layer, ["mkdir", "-p", rest])
            return replace(made, folder=rest)
        if instruction == "RUN":
            return self._run(image, layer, ["/bin/sh", "-c", rest])
        if instruction == "COPY":
            *sources, target = shlex.split(rest)
            place = str(PurePosixPath(image.folder) / target)
            if sources[0].startswith("--from="):
                other = self.stage(sources[0].removeprefix("--from="))
                [source] = sources[1:]
                return self._copy_of(image, layer, other, source, place)
            return self._copy(image, layer, sources, place + "/" * target.endswith("/"))
        raise AssertionError(f"no instruction that is known here: {instruction}")

    def _run(self, image: Image, layer: str, words: list[str]) -> Image:
        def make(upper: Path) -> None:
            image.execute(upper, words)

        return self._add(image, layer, [*words, image.user, image.folder], make)

    def _copy(self, image: Image, layer: str, sources: list[str], target: str) -> Image:
        files: dict[Path, Path] = {}
        for source in sources:
            path = self._repository / source
            place = Path(target, path.name) if target.endswith("/") else Path(target)
            inner = [file for file in sorted(path.rglob("*")) if file.is_file()]
            for file in inner if path.is_dir() else [path]:
                if not is_ignored(str(file.relative_to(self._repository)), self._rules):
                    files[place / file.relative_to(path)] = file

        def make(upper: Path) -> None:
            for place, file in files.items():
                copy = upper / place.relative_to("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)

        sums = [
            hashlib.sha256(file.read_bytes()).hexdigest() for file in files.values()
        ]
        return self._add(image, layer, [*map(str, files), *sums], make)

    def _copy_of(
        self, image: Image, layer: str, other: Image, source: str, target: str
    ) -> Image:
        """Takes a folder over layer by layer, as the image has gigabytes of files.

        They are linked, which is safe as a layer that is done does not change.
        """
        for below in other.layers:
            files = self._cache / below / source.removeprefix("/")
            if files.exists():
                made_from = [(self._cache / f"{below}.key").read_text(), source, target]
                make = partial(_link, files, target.removeprefix("/"))
                image = self._add(image, f"{layer}-{below}", made_from, make)
        return image

    def _add(
        self, image: Image, layer: str, made_from: list[str], make: Callable
    ) -> Image:
        """Adds a layer, unless it is there and was made from the same."""
        text = json.dumps([image.key, made_from])
        key = hashlib.sha256(text.encode()).hexdigest()
        stamp = self._cache / f"{layer}.key"
        if not stamp.exists() or stamp.read_text() != key:
            stamp.unlink(missing_ok=True)
            make(empty(self._cache / layer))
            stamp.write_text(key)
        return replace(image, layers=(*image.layers, layer), key=key)


def _link(files: Path, target: str, upper: Path) -> None:
    place = upper / target
    place.parent.mkdir(parents=True)
    command = ["cp", "--archive", "--link", str(files), str(place)]
    subprocess.run(command, check=True)
