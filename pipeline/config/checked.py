"""Checks what a run depends on outside its configuration, before it starts."""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from apache_beam.options.pipeline_options import (
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

from components.text_example_gen.checks import check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.input_files import locate, newest_span
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.spans import (
    LATEST,
    has_spans,
    pattern_of_span,
    span_number,
)
from pipeline.config import Config, ConfigError, DataConfig
from pipeline.errors import UserError
from pipeline.files import absolute

# Plain DirectRunner would first try to download a runner written in Go. The image is
# never used by this runner; without a word on where workers get their code from, TFX
# would build a package of itself for every node.
_LOCAL = ("--runner=FnApiRunner", "--sdk_container_image=unused")
# Beam reads the news of a job from a stream, and ends a job whose stream is older than
# this, 300 s if nobody says otherwise.
_STREAM = "--job_server_timeout"
_STREAM_SECONDS = 30 * 24 * 3600
_ANSWER_SECONDS = 20  # within which a job server must take a connection


class BeamArgsError(UserError):
    """The options for Beam cannot be used."""


def complete_beam_args(args: Sequence[str]) -> list[str]:
    """Returns the options, with what they leave out.

    Without a runner it is the local one; on another one a job may take a month.
    """
    if _is_local(args):
        return [*_LOCAL, *args]
    if any(arg.startswith(_STREAM) for arg in args):
        return list(args)
    return [*args, f"{_STREAM}={_STREAM_SECONDS}"]


def check_beam_args(args: Sequence[str]) -> None:
    """Checks that the runner exists and, if a job server is named, that it answers.

    The local runner's options are all known, so an unknown one is refused.

    Raises:
        BeamArgsError: There is no such runner, or nothing answers.
    """
    for arg in args:
        if arg.startswith("--runner="):
            _check_runner(arg.removeprefix("--runner="))
    options = PipelineOptions(list(args))
    if _is_local(args):
        _check_known(options)
    endpoint = options.view_as(PortableOptions).job_endpoint
    if endpoint and ":" in endpoint:
        _check_endpoint(endpoint)


def _is_local(args: Sequence[str]) -> bool:
    return not any(arg.startswith("--runner") for arg in args)


def _check_runner(name: str) -> None:
    known = StandardOptions.KNOWN_RUNNER_NAMES
    short = {runner.lower().removesuffix("runner") for runner in known}
    if "." in name or name.lower() in {*short, *map(str.lower, known)}:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (hint: did you mean {close[0]}?)" if close else ""
    raise BeamArgsError(
        f"`--runner` must be one of {', '.join(known)}. Received: {name!r}{hint}"
    )


def _check_known(options: PipelineOptions) -> None:
    known = options.get_all_options()
    for name in options.get_all_options(retain_unknown_options=True):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (hint: did you mean --{close[0]}?)" if close else ""
            raise BeamArgsError(f"Beam's local runner has no option `--{name}`{hint}")


def _check_endpoint(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        address = (host.strip("[]"), int(port))
        socket.create_connection(address, timeout=_ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise BeamArgsError(
            f"no job server answers at `--job_endpoint={endpoint}`: {error}"
        ) from error


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
            "output": absolute(config.output),
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
            encoding=data.encoding,
            delimiter=data.delimiter,
            quoting=data.quoting,
            escape_character=data.escape_character,
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
    resolved = data.model_copy(update={"pattern": pattern, "span": span})
    return resolved, preview.size_bytes


def _check_elmo(source: str) -> str:
    # Keras takes seconds to import; a wrong column is reported before.
    from keras_elmo.errors import ElmoError
    from keras_elmo.sources import open_source

    try:
        open_source(source)
    except (ElmoError, OSError) as error:
        raise ConfigError(f"option elmo.source: {error}") from error
    return os.path.abspath(source) if os.path.isdir(source) else source
