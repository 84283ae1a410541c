"""Checks what a run depends on outside its configuration, before it starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from components.text_example_gen.arrivals import newest_span
from components.text_example_gen.check import check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.patterns import locate
from components.text_example_gen.spans import (
    LATEST,
    has_spans,
    pattern_of_span,
    span_number,
)
from pipeline.beam_args import BeamArgsError, check_beam_args
from pipeline.config import Config, ConfigError, DataConfig


class CheckedConfig(NamedTuple):
    """A configuration that can be run.

    Attributes:
        config: With absolute paths, and a span by its number.
        data_bytes: Size of the input as it lies there; of the span, where it has any.
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
    data, data_bytes = _check_data(config.data)
    source = _check_elmo(config.elmo.source)
    schema = config.data.schema_path
    if schema is not None:
        if not Path(schema).is_file():
            raise ConfigError(
                f"option data.schema_path: there is no such file. Received: {schema}"
            )
        schema = os.path.abspath(schema)
    checked = config.model_copy(
        update={
            "data": data.model_copy(update={"schema_path": schema}),
            "elmo": config.elmo.model_copy(update={"source": source}),
            "output": os.path.abspath(os.path.expanduser(config.output)),
        }
    )
    return CheckedConfig(checked, data_bytes)


def _check_data(data: DataConfig) -> tuple[DataConfig, int]:
    """Returns the section with what it names found, and the size in bytes."""
    try:
        options = ReadOptions(
            format=data.format,
            text_column=data.text_column,
            label_column=data.label_column,
            columns=data.columns,
            header=data.header,
        )
        if not has_spans(data.pattern):
            preview = check_data(data.pattern, options=options)
            pattern, span = preview.pattern, data.span
        else:
            pattern = locate(data.pattern, data.format).pattern
            if data.span == LATEST:
                span = newest_span(pattern, data.done_file)
            else:
                span = span_number(data.span)
            preview = check_data(pattern_of_span(pattern, span), options=options)
    except DataError as error:
        raise ConfigError(str(error)) from error
    except ValueError as error:
        raise ConfigError(f"section data: {error}") from error
    except OSError as error:
        raise ConfigError(f"the data cannot be read: {error}") from error
    found = data.model_copy(update={"pattern": pattern, "span": span})
    return found, preview.size_bytes


def _check_elmo(source: str) -> str:
    # Keras takes seconds to import; a wrong column is reported before.
    from keras_elmo.errors import ElmoError
    from keras_elmo.sources import open_source

    try:
        open_source(source)
    except (ElmoError, OSError) as error:
        raise ConfigError(f"option elmo.source: {error}") from error
    return os.path.abspath(source) if os.path.isdir(source) else source
