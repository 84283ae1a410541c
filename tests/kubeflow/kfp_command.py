"""Calls `elmo-tfx kubeflow ...` in this process."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from pipeline.cli import main


def kubeflow(*args: Any) -> Result:
    """Calls a command; stdout and stderr are apart."""
    return CliRunner().invoke(main, ["kubeflow", *map(str, args)])


def error_of(result: Result, code: int = 1) -> str:
    """The one line of an error."""
    assert result.exit_code == code, result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: "), result.output
    return last
