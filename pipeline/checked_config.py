"""Checks what a run depends on outside its configuration, before it starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from components.text_example_gen.check import DataPreview, check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.spans import LATEST, pattern_of_span, span_number
from pipeline.beam_args import BeamArgsError, check_beam_args
from pipeline.config import Config, ConfigError


class CheckedConfig(NamedTuple):
    """A configuration that can be run.

    Attributes:
        config: With absolute paths.
        data_bytes: Size of the input as it lies there.
    """

    config: Config
    data_bytes: int


def checked_config(config: Config) -> CheckedConfig:
    """Looks at the data, the ELMo source, the schema and the Beam runner.

    A wrong name is refused here within seconds and not after minutes of running.

    Raises:
        ConfigError: One of them is not there or cannot be used.
    """
    try:
        check_beam_args(config.beam.args)
    except BeamArgsError as error:
        raise ConfigError(f"option beam.args: {error}") from error
    preview = _check_data(config)
    source = _check_elmo(config.elmo.source)
    schema = config.data.schema_path
    if schema is not None:
        if not Path(schema).is_file():
            raise ConfigError(
                f"option data.schema_path: there is no such file. Received: {schema}"
            )
        schema = os.path.abspath(schema)
    data = config.data.model_copy(
        update={"pattern": preview.pattern, "schema_path": schema}
    )
    checked = config.model_copy(
        update={
            "data": data,
            "elmo": config.elmo.model_copy(update={"source": source}),
            "output": os.path.abspath(os.path.expanduser(config.output)),
        }
    )
    return CheckedConfig(checked, preview.size_bytes)


def _check_data(config: Config) -> DataPreview:
    data = config.data
    try:
        options = ReadOptions(
            format=data.format,
            text_column=data.text_column,
            label_column=data.label_column,
            columns=data.columns,
            header=data.header,
        )
        preview = check_data(data.pattern, options=options)
        if data.span != LATEST:
            number = span_number(data.span)
            check_data(pattern_of_span(preview.pattern, number), options=options)
        return preview
    except DataError as error:
        raise ConfigError(str(error)) from error
    except ValueError as error:
        raise ConfigError(f"section data: {error}") from error
    except OSError as error:
        raise ConfigError(f"the data cannot be read: {error}") from error


def _check_elmo(source: str) -> str:
    # Keras takes seconds to import; a wrong column is reported before.
    from keras_elmo.errors import ElmoError
    from keras_elmo.sources import open_source

    try:
        open_source(source)
    except (ElmoError, OSError) as error:
        raise ConfigError(f"option elmo.source: {error}") from error
    return os.path.abspath(source) if os.path.isdir(source) else source
