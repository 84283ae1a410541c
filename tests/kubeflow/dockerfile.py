"""Reads a Dockerfile and a .dockerignore, as far as ours go."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass
class Stage:
    """One stage of a Dockerfile.

    Args:
        base: An image or another stage.
        instructions: Name and the rest, in their order.
    """

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [rest for each, rest in self.instructions if each == name]

    def commands(self) -> list[list[str]]:
        """The words of every command of every RUN."""
        joined = " && ".join(self.all("RUN"))
        return [shlex.split(command) for command in joined.split("&&") if command]

    def sources(self) -> list[str]:
        """What is copied from the repository."""
        copies = [shlex.split(rest) for rest in self.all("COPY")]
        return [
            source
            for words in copies
            if not words[0].startswith("--from=")
            for source in words[:-1]
        ]


def read_stages(text: str) -> dict[str, Stage]:
    """Returns the stages by name; arguments have their defaults."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, rest = line.strip().split(maxsplit=1)
        if name == "ARG":
            key, _, default = rest.partition("=")
            arguments[key] = default
        rest = _substitute(rest, arguments)
        if name == "FROM":
            base, _, stage = rest.partition(" AS ")
            stages[stage] = Stage(base)
        elif stages:
            stages[[*stages][-1]].instructions.append((name, rest))
    return stages


def last(stages: Mapping[str, Stage], stage: str, name: str) -> str | None:
    """What an instruction says last in a stage, or in those that it is built on."""
    while stage in stages:
        instructions = stages[stage].all(name)
        if instructions:
            return instructions[-1]
        stage = stages[stage].base
    return None


def is_ignored(path: str, dockerignore: str) -> bool:
    """Whether a path of the repository is kept from Docker; the last rule wins."""
    ignored = False
    names = [path, *map(str, PurePosixPath(path).parents)]
    for line in dockerignore.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = re.escape(rule.removeprefix("!"))
        pattern = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, name) for name in names):
            ignored = not rule.startswith("!")
    return ignored


def _substitute(text: str, arguments: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: arguments.get(match[1], match[0]), text)
