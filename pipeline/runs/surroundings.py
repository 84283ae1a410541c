"""What a run was made with, and the rows it could not use: facts beside its results."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import platform
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.runs.summary import RejectedRow

_PACKAGES = ("elmo-tfx", "tfx", "tensorflow", "keras", "apache-beam")
_EXAMPLES_OF_A_REASON = 3
_MOST_EXAMPLES = 40
_MOST_READ = 20_000  # lines, in search of an example of each reason
_LONGEST_TEXT = 300  # characters
# `user:password@` of an address, and the values of options that are named like secrets.
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = re.compile(
    r"([\w-]*(?:password|passwd|secret|token|credential|api_?key)[\w-]*[= ])\S+",
    re.IGNORECASE,
)
_HIDDEN = "(hidden)"


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that make a model."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # such as our own, run from its sources
    return found


def chosen_options(config: Config) -> dict[str, Any]:
    """Returns the options that differ from their defaults, as `section.option`.

    Passwords in addresses and in what is given to Beam are hidden.
    """
    values = config.model_dump(mode="json", exclude_defaults=True)
    return {name: _without_secrets(value) for name, value in _flat(values)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and not prefix:
            yield from _flat(value, f"{name}.")
        else:
            yield f"{prefix}{name}", value


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        shown = _CREDENTIALS.sub(f"{_HIDDEN}@", value)
        return _SECRET.sub(rf"\g<1>{_HIDDEN}", shown)
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_secrets(each) for name, each in value.items()}
    return value


def folder_bytes(folder: str) -> int:
    """Returns the size of all files below a folder of this machine."""
    return sum(
        os.path.getsize(os.path.join(directory, name))
        for directory, _, names in os.walk(folder)
        for name in names
    )


def rejected_examples(folder: str) -> list[RejectedRow]:
    """Returns the first rejected rows of each reason, by reason.

    Args:
        folder: With the files of rejects, which are read in order and not to their end
            where they are large; it need not exist.
    """
    found: list[RejectedRow] = []
    seen: Counter[str] = Counter()
    for line in itertools.islice(_lines(Path(folder)), _MOST_READ):
        reject = json.loads(line)
        if seen[reject["reason"]] < _EXAMPLES_OF_A_REASON:
            seen[reject["reason"]] += 1
            text = reject["text"][:_LONGEST_TEXT]
            found.append(RejectedRow.model_validate({**reject, "text": text}))
        if len(found) == _MOST_EXAMPLES:
            break
    return sorted(found, key=lambda row: (row.reason, row.source, row.position))


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            yield from file
