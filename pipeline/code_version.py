"""A fingerprint of the project's own code that a module runs."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

_PACKAGES = ("pipeline", "components", "keras_elmo")


@functools.cache
def code_version(module: str) -> str:
    """Returns 16 hex digits that change with the code of `module`.

    A node that is given only the import path of its code looks unchanged to TFX
    after the code was edited, and its old result would be taken from the cache. The
    fingerprint covers the source of the module and of all project modules that it
    imports, directly or through others; nothing is imported for it.

    Raises:
        ModuleNotFoundError: There is no such module.
    """
    digest = hashlib.sha256()
    for name, source in sorted(_sources(module).items()):
        digest.update(f"{name}\n{len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()[:16]


def _sources(module: str) -> dict[str, bytes]:
    sources: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _path_of(name)
        if path is None:
            if name == module:
                raise ModuleNotFoundError(f"there is no module {module}", name=module)
            continue  # a name imported from a module, not a module itself
        if name not in sources:
            sources[name] = path.read_bytes()
            waiting.extend(_imports(sources[name], name, path))
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


def _imports(source: bytes, name: str, path: Path) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = package.rsplit(".", node.level - 1)[0]
                base = f"{outer}.{base}" if base else outer
            yield base
            for alias in node.names:
                yield f"{base}.{alias.name}"
