"""Writes docs/configuration.md from the configuration's own descriptions.

Example:
    python tools/configuration_page.py > docs/configuration.md
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pipeline.config import Config

_INTRODUCTION = """# Configuration

Every option of `elmo-tfx run`, made by `tools/configuration_page.py` from
`pipeline/config/`. Set one with `--set section.option=value`, or in a YAML
file for `--config`:

```yaml
output: out
data:
  pattern: reviews/*.csv
  text_column: review
train:
  epochs: 10
```

`--set` wins over the file. A name that does not exist and a value out of range are
refused with one line.
"""


# JSON schema's words for a bound, and ours.
_BOUNDS = {
    "exclusiveMinimum": ">",
    "minimum": "≥",
    "exclusiveMaximum": "<",
    "maximum": "≤",
}


def page() -> str:
    """Returns the whole page."""
    schema = Config.model_json_schema()
    sections = {
        name: schema["$defs"][field["$ref"].rsplit("/", 1)[1]]
        for name, field in schema["properties"].items()
        if "$ref" in field
    }
    single = {
        name: field
        for name, field in schema["properties"].items()
        if name not in sections
    }
    parts = [_INTRODUCTION, _table("", {**schema, "properties": single})]
    for name, section in sections.items():
        parts.append(f"## {name}\n\n{section['description']}\n")
        parts.append(_table(f"{name}.", section))
        for option, field in section["properties"].items():
            if of := _section_of_entries(field, schema):
                parts.append(f"{of['description']}\n")
                parts.append(_table(f"{name}.{option}.<name>.", of))
    return "\n".join(parts)


def _table(prefix: str, section: dict[str, Any]) -> str:
    rows = ["| option | values | default | meaning |", "|---|---|---|---|"]
    for name, field in section["properties"].items():
        required = name in section.get("required", ())
        default = "required" if required else f"`{json.dumps(field.get('default'))}`"
        rows.append(
            f"| `{prefix}{name}` | {_values(field)} | {default} | "
            f"{field['description']} |"
        )
    return "\n".join(rows) + "\n"


def _section_of_entries(
    field: dict[str, Any], schema: dict[str, Any]
) -> dict[str, Any] | None:
    """Returns the section that each entry of a map is, if it is one."""
    reference = (field.get("additionalProperties") or {}).get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else None


def _values(field: dict[str, Any]) -> str:
    """Returns what a value may be, in words."""
    if "anyOf" in field:
        return " or ".join(_values(form) for form in field["anyOf"])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{v}`" for v in field.get("enum", [field.get("const")]))
    if field["type"] == "array":
        return f"list of {_values(field['items'])}"
    if field["type"] == "object":
        entries = field["additionalProperties"]
        if "$ref" in entries:
            return "map from names to the options below"
        names = "names"
        if "propertyNames" in field:
            names = _values(field["propertyNames"])
        return f"map from {names} to {_values(entries)}"
    if "pattern" in field:
        return f"string like `{field['pattern']}`".replace("|", r"\|")
    kind = "none" if field["type"] == "null" else field["type"]
    bounds = [
        f"{sign} {field[name]}" for name, sign in _BOUNDS.items() if name in field
    ]
    return " ".join([kind, " and ".join(bounds)]).strip()


if __name__ == "__main__":
    sys.stdout.write(page())
