"""Reads YAML that a person wrote, or somebody else sent."""

from __future__ import annotations

import math
import reprlib
from typing import Any

import yaml

MOST_BYTES = 2**20
"""No file that a person writes is larger."""
_MOST_VALUES = 100_000


def load_yaml(text: str) -> Any:
    """Returns what a document holds: mappings, lists, texts, numbers, days, None.

    Raises:
        yaml.YAMLError: It is no YAML, has a tag that makes other objects, has a key
            twice or over 100,000 values, or is nested too deeply.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error


class _Loader(yaml.SafeLoader):
    """Reads YAML, and refuses a key that a mapping has twice: one would be lost."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Any, Any]:
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"`{key.value}` is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Returns a value; one that looks like a day or a number must be one."""
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                float(value)  # one beyond its range could not be shown either
            return value
        except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
            shown = reprlib.repr(node.value)
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"{shown} looks like a value of another kind than it is (hint: a text "
                f"has quotes): {error}",
                node.start_mark,
            ) from error

    def get_single_node(self) -> yaml.Node | None:
        """Returns the document; one that aliases make a giant of is refused."""
        node = super().get_single_node()
        if node is not None and _size(node, {}) > _MOST_VALUES:
            raise yaml.YAMLError(
                f"it has over {_MOST_VALUES:,} values, each alias counted in full"
            )
        return node


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """Returns the values below a node, each alias counted in full."""
    if isinstance(node, yaml.ScalarNode):
        return 1.0
    if id(node) not in known:
        known[id(node)] = math.inf  # of a node that holds itself
        inner = node.value
        if isinstance(node, yaml.MappingNode):
            inner = [each for pair in node.value for each in pair]
        known[id(node)] = 1.0 + sum(_size(each, known) for each in inner)
    return known[id(node)]
