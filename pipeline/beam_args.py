"""Options of Beam for a run that names no runner."""

from __future__ import annotations

from collections.abc import Sequence

# Plain DirectRunner would first try to download a runner written in Go. The image is
# never used by this runner; without a word on where workers get their code from, TFX
# would build a package of itself for every node.
_LOCAL = ("--runner=FnApiRunner", "--sdk_container_image=unused")


def with_local_runner(given: Sequence[str]) -> list[str]:
    """Returns the options given, behind those of the local runner if none is named."""
    is_local = not any(arg.startswith("--runner") for arg in given)
    return [*(_LOCAL if is_local else ()), *given]
