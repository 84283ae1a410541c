"""The machine on which a benchmark runs."""

from __future__ import annotations

import platform
from pathlib import Path


def cpu_name() -> str:
    """Gives the processor's name as the kernel has it."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.split(":")[1].strip() for line in lines if "model name" in line)
    return next(names, platform.machine())
