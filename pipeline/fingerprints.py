"""Fingerprints of the project's code and of the weights behind an ELMo source.

What TFX, a batch job or a scheduled run made is only used again while both stay equal.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import modulefinder
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_elmo.source_files import local_files

_PACKAGES = ("pipeline", "components", "keras_elmo")
_BLOCK_BYTES = 1 << 20
CODE = "code"
"""The parameter of a node that holds the fingerprint of what it executes."""


def mark_code(nodes: Iterable[Any], named: Mapping[str, str]) -> None:
    """Makes TFX run a node again when project code that it executes was edited.

    TFX compares a node's inputs and parameters with those of earlier executions, not
    its code: without this mark, it would take the result of the old code from its
    cache. A node that executes no project code, such as a resolver, is not marked.

    Args:
        nodes: Of a pipeline.
        named: Id of a node -> the module that it gets by its import path, such as that
            of `run_fn`.
    """
    for node in nodes:
        if not hasattr(node, "executor_spec"):
            continue  # a resolver
        classes = (node.executor_spec.executor_class, node.driver_class)
        modules = {each.__module__ for each in classes} | {named.get(node.id, "")}
        ours = sorted(each for each in modules if each.split(".")[0] in _PACKAGES)
        if ours:
            node.exec_properties[CODE] = code_version(*ours)


@functools.cache
def code_version(*modules: str) -> str:
    """Returns 16 hex digits that change with the code of `modules`.

    The fingerprint covers the source of the modules and of all project modules that
    they import, directly or through others, at any place in their code. A package with
    a `__main__` is a program that may be started by its path: all of its files count.
    Nothing is imported.

    Raises:
        ModuleNotFoundError: There is no such module.
    """
    digest = hashlib.sha256()
    for name, source in sorted(sources_of(*modules).items()):
        digest.update(f"{name}\n{len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()[:16]


def sources_of(*modules: str) -> dict[str, bytes]:
    """Returns module name -> source of all project modules behind `modules`.

    Raises:
        ModuleNotFoundError: There is no such module.
    """
    specs = filter(None, map(importlib.util.find_spec, _PACKAGES))
    places = [
        place for spec in specs for place in spec.submodule_search_locations or ()
    ]
    finder = _ProjectFinder(path=[str(Path(place).parent) for place in places])
    missing = set(modules)
    while missing:
        for name in missing:
            try:
                finder.import_hook(name)
            except ImportError as error:
                message = f"there is no module {name}"
                raise ModuleNotFoundError(message, name=name) from error
        missing = set(_modules_of_programs(finder.modules)) - set(finder.modules)
    found: dict[str, Any] = finder.modules
    return {name: Path(found[name].__file__).read_bytes() for name in found}


class _ProjectFinder(modulefinder.ModuleFinder):
    """Follows imports through modules of the project alone, and runs none of them."""

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        if path is None and name not in _PACKAGES:
            raise ImportError(name)
        return super().find_module(name, path, parent)


def _modules_of_programs(modules: Mapping[str, Any]) -> Iterator[str]:
    for name, module in modules.items():
        folder = Path(module.__file__).parent
        if module.__path__ and (folder / "__main__.py").is_file():
            for file in folder.glob("*.py"):
                yield name if file.stem == "__init__" else f"{name}.{file.stem}"


def elmo_version(source: str) -> str:
    """Returns 16 hex digits that change with the files of a source.

    A folder or a file keeps its path when a model in it is trained anew: without this
    in the Trainer's parameters, TFX would take the old classifier from its cache. A
    handle names one fixed version, so its text is enough.
    """
    digest = hashlib.sha256(source.encode())
    for name, path in local_files(source):
        digest.update(name.encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()[:16]
