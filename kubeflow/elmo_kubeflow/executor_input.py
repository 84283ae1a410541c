"""What Kubeflow Pipelines tells a step, and what the step tells in return.

In the place of the argument `{{$}}` a step gets the message ExecutorInput of KFP's
pipeline specification as JSON: the values of its parameters, and where the values and
artifacts that it makes are to be written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ExecutorInput:
    """The inputs and outputs of one step.

    Args:
        text: JSON, as KFP gives it.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, text: str) -> None:
        given = json.loads(text)
        self.parameters: Mapping[str, Any] = given.get("inputs", {}).get(
            "parameterValues", {}
        )
        self._outputs = given.get("outputs", {})

    def write_parameter(self, name: str, value: str) -> None:
        """Writes the value of an output parameter."""
        _write(Path(self._outputs["parameters"][name]["outputFile"]), value)

    def describe_artifacts(
        self, metadata: Mapping[str, Mapping[str, Any]], uris: Mapping[str, str]
    ) -> None:
        """Tells KFP what its interface shall show of the step's output artifacts.

        Args:
            metadata: Name of the output -> names and values.
            uris: Name of the output -> address, where it is not the one KFP chose.
        """
        described = {}
        for name in {**metadata, **uris}:
            (artifact,) = self._outputs["artifacts"][name]["artifacts"]
            described[name] = {
                "artifacts": [
                    {
                        "name": artifact["name"],
                        "uri": uris.get(name, artifact["uri"]),
                        "metadata": {
                            **artifact.get("metadata", {}),
                            **metadata.get(name, {}),
                        },
                    }
                ]
            }
        _write(Path(self._outputs["outputFile"]), json.dumps({"artifacts": described}))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
