"""Imports go one way: each of our packages works without those above it."""

from __future__ import annotations

import ast

import pytest

_ABOVE = {
    "keras_elmo": {"components", "pipeline", "elmo_kubeflow"},
    "components": {"pipeline", "elmo_kubeflow"},
    "pipeline": {"elmo_kubeflow"},
}


@pytest.mark.parametrize("package", _ABOVE)
def test_a_package_imports_nothing_of_those_above_it(package, repository):
    paths = list((repository / package).rglob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            tops = {name.partition(".")[0] for name in names}
            assert not tops & _ABOVE[package], f"{path}: {names}"
