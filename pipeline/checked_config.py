"""Checks everything a run depends on that lies outside the configuration itself."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Config, ConfigError


def checked_config(config: Config) -> tuple[Config, int]:
    """Returns the configuration with absolute paths, and the size of the data.

    Looks at the first rows of the data, the ELMo source and the schema, so that a
    wrong name is refused at once and not after minutes.

    Returns:
        The configuration, and the size of the input in bytes.

    Raises:
        ConfigError: One of them is not there or cannot be used.
    """
