"""Fingerprints of the project's code and of the weights behind an ELMo source.

What TFX, a batch job or a scheduled run made is only used again while both stay equal.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_elmo.sources import DEFAULT, PRETRAINED

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
    sources: dict[str, bytes] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _path_of(name)
        if path is None:
            if name in modules:
                raise ModuleNotFoundError(f"there is no module {name}", name=name)
            continue  # a name imported from a module, not a module itself
        if name not in sources:
            sources[name] = path.read_bytes()
            waiting.extend(_imports(sources[name], name, path))
            waiting.extend(_files_of_program(name, path))
    return sources


def _path_of(name: str) -> Path | None:
    """Returns the file of a project module without running any of its code."""
    package, *rest = name.split(".")
    if package not in _PACKAGES:
        return None
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    place = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    file = place.with_suffix(".py")
    return file if file.is_file() else None


def _files_of_program(name: str, path: Path) -> Iterator[str]:
    is_package = path.name == "__init__.py"
    if (path.parent / "__main__.py").is_file():
        package = name if is_package else name.rpartition(".")[0]
        for file in path.parent.glob("*.py"):
            yield package if file.stem == "__init__" else f"{package}.{file.stem}"


def _imports(source: bytes, name: str, path: Path) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = package.rsplit(".", node.level - 1)[0]
                base = f"{outer}.{base}" if base else outer
            yield from _with_parents(base)
            for alias in node.names:
                yield f"{base}.{alias.name}"


def _with_parents(name: str) -> Iterator[str]:
    """Yields a module and the packages around it, whose code its import runs first."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def elmo_version(source: str) -> str:
    """Returns 16 hex digits that change with the files of a source.

    A folder keeps its path when a model in it is trained anew: without this in the
    Trainer's parameters, TFX would take the old classifier from its cache. A handle
    names one fixed version, so its text is enough.
    """
    digest = hashlib.sha256(source.encode())
    folder = PRETRAINED if source == DEFAULT else Path(source)
    if "://" not in source and folder.is_dir():
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
    return digest.hexdigest()[:16]
