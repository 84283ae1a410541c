"""Checks what a run depends on outside its configuration, before it starts."""

from __future__ import annotations

import difflib
import glob
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from components.text_example_gen.arrived_spans import check_span, newest_span
from components.text_example_gen.checks import check_all_data
from components.text_example_gen.corrections import read_corrections
from components.text_example_gen.errors import DataError
from components.text_example_gen.examples import TRAIN
from components.text_example_gen.input_files import locate, match_files
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.spans import (
    LATEST,
    has_spans,
    pattern_of_span,
    span_number,
    without_placeholders,
)
from keras_elmo import paths
from pipeline.batch.destination import OF_A_RUN
from pipeline.config import Config, ConfigError, DataConfig
from pipeline.errors import UserError, with_typed_options
from pipeline.files import absolute, is_local, is_pattern, read_bounded

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

# Plain DirectRunner would first try to download a runner written in Go. The image is
# never used by this runner; without a word on where workers get their code from, TFX
# would build a package of itself for every node.
_LOCAL = ("--runner=FnApiRunner", "--sdk_container_image=unused")
# What a job on a server is told unless somebody says otherwise. Beam reads the news of
# a job from a stream, and would end a job whose stream is older than 300 s; and workers
# without work would be ended at once, also between two stages of one job.
_SERVED = {
    "--job_server_timeout": 30 * 24 * 3600,  # seconds
    "--environment_cache_millis": 20_000,
}
# What is typed for the options of the data that a hint may name.
TYPED = {name: f"--set data.{name}=VALUE" for name in DataConfig.model_fields} | {
    "text_column": "--text-column VALUE",
    "label_column": "--label-column VALUE",
    "label_separator": "--label-separator VALUE",
    "format": "--format VALUE",
    "columns": "--columns VALUE",
}
_ANSWER_SECONDS = 20  # within which a job server must take a connection
_MOST_SCHEMA_BYTES = 1 << 26


class BeamArgsError(UserError):
    """The options for Beam cannot be used."""


def complete_beam_args(args: Sequence[str]) -> list[str]:
    """Returns the options, with what they leave out.

    Without a runner it is the local one. On another one a job may take a month, and
    between its stages the workers are kept for a moment: else Flink and Spark start
    them anew for each, and each loads the libraries and the model.
    """
    if _is_local(args):
        return [*_LOCAL, *args]
    missing = [
        f"{name}={value}"
        for name, value in _SERVED.items()
        if not any(arg.startswith(name) for arg in args)
    ]
    return [*args, *missing]


def check_beam_args(args: Sequence[str]) -> None:
    """Checks that the runner exists and, if a job server is named, that it answers.

    The local runner's options are all known, so an unknown one is refused.

    Raises:
        BeamArgsError: There is no such runner, or nothing answers.
    """
    if not args:
        return
    from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

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
    from apache_beam.options.pipeline_options import StandardOptions

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
        tokenizer: What `transform.tokenizer` should rather be, or None.
    """

    config: Config
    data_bytes: int
    tokenizer: str | None = None


def checked_config(config: Config) -> CheckedConfig:
    """Looks at the data, the schema, the ELMo source and the Beam runner.

    A wrong name is refused here within seconds and not after minutes of running.

    Raises:
        ConfigError: One of them is not there or cannot be used.
    """
    checked = first_look(config)
    check_libraries(checked.config)
    return checked


def check_output_name(output: str | Path) -> None:
    """Refuses an output in which files would not be found: TensorFlow takes wildcards.

    Raises:
        ConfigError: A folder of its path has a wildcard in its name.
    """
    output = absolute(output)
    if is_pattern(output):
        raise ConfigError(
            "option output: a folder with *, ?, [ or \\ in its path would stand for "
            f"others, too. Received: {output} (hint: rename it, or choose another)"
        )


def first_look(config: Config) -> CheckedConfig:
    """Does what `checked_config` does, as far as it goes without a large library.

    Raises:
        ConfigError: The data cannot be used, there is no such schema or source, or
            the output has a name that cannot be used.
    """
    # keras_elmo needs h5py, for which no --help should wait.
    from keras_elmo.errors import ElmoError
    from keras_elmo.source_files import absolute_source
    from keras_elmo.sources import check_source

    output = absolute(config.output)
    check_output_name(output)
    schema = config.data.schema_path
    if schema is not None:
        if not Path(schema).is_file():
            raise ConfigError(
                f"option data.schema_path: there is no such file. Received: {schema}"
            )
        _check_schema(schema)
        schema = paths.absolute(schema)
    source = config.elmo.source
    try:
        check_source(source)
    except (ElmoError, OSError) as error:
        raise ConfigError(f"option elmo.source: {error}") from error
    data, data_bytes, tokenizer = _check_data(config.data, output)
    # What somebody has chosen is not doubted.
    is_chosen = "tokenizer" in config.transform.model_fields_set
    checked = config.model_copy(
        update={
            "data": data.model_copy(update={"schema_path": schema}),
            "elmo": config.elmo.model_copy(update={"source": absolute_source(source)}),
            "output": output,
        }
    )
    return CheckedConfig(checked, data_bytes, None if is_chosen else tokenizer)


def _check_schema(path: str) -> None:
    """Refuses what is no schema.pbtxt before TFX reads it, some nodes later.

    Raises:
        ConfigError: It cannot be read, or is no text of the protocol buffer `Schema`.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        text = read_bounded(Path(path), _MOST_SCHEMA_BYTES)
        schema = text_format.Parse(text, schema_pb2.Schema())
        why = "" if schema.feature else "it has no feature"
    except (OSError, ValueError, RecursionError, text_format.ParseError) as error:
        why = " ".join(str(error).split())
    if why:
        raise ConfigError(
            f"option data.schema_path: {path} is not a schema of TensorFlow Metadata: "
            f"{why}"
        )


def check_libraries(config: Config) -> None:
    """Does the rest of `checked_config`, for which Beam and Keras are imported.

    Raises:
        ConfigError: The Beam options or the ELMo source cannot be used.
    """
    from keras_elmo.errors import ElmoError
    from keras_elmo.sources import open_source

    try:
        check_beam_args(config.beam.args)
    except BeamArgsError as error:
        raise ConfigError(f"option beam.args: {error}") from error
    try:
        open_source(config.elmo.source)
    except (ElmoError, OSError) as error:
        raise ConfigError(f"option elmo.source: {error}") from error


def _check_output_is_apart(output: str, data: DataConfig) -> None:
    """Refuses an output whose files the next run would read as data.

    Raises:
        ConfigError: It lies in a folder that is read with all that is in it, or a file
            in it matches.
    """
    for given in (data.pattern, *data.held_out.values()):
        if not is_local(given):
            continue
        pattern = without_placeholders(locate(given, data.format).pattern)
        before, deeper, _ = pattern.partition("**")
        folders = glob.glob(os.path.dirname(before)) if deeper else []
        if os.path.isdir(absolute(given)):
            folders = [absolute(given)]
        found = any(_lies_in(output, folder) for folder in folders)
        if not found and os.path.isdir(output):
            parts = [os.path.join(output, name) for name in OF_A_RUN]
            # A folder is resolved once, not for each of its files.
            places = {
                file.path if os.path.islink(file.path) else os.path.dirname(file.path)
                for file in match_files(pattern)
            }
            found = any(_lies_in(place, part) for place in places for part in parts)
        if found:
            raise ConfigError(
                f"option output: {output} lies among the data, {given}: the next run "
                "would read what this one writes (hint: choose an output elsewhere)"
            )


def _lies_in(path: str, folder: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([inner, outer]) == outer


def _check_data(data: DataConfig, output: str) -> tuple[DataConfig, int, str | None]:
    """Returns the section with what it names found, the size, and a tokenizer."""
    try:
        _check_output_is_apart(output, data)
        options = ReadOptions(
            format=data.format,
            text_column=data.text_column,
            label_column=data.label_column,
            label_separator=data.label_separator,
            multi_label=data.multi_label,
            columns=data.columns,
            header=data.header,
            encoding=data.encoding,
            delimiter=data.delimiter,
            quoting=data.quoting,
            escape_character=data.escape_character,
        )
        pattern, span = locate(data.pattern, data.format).pattern, data.span
        if has_spans(data.pattern):
            if span == LATEST:
                span = newest_span(pattern, data.done_file)
            span = span_number(span)
        held_out = {
            name: locate(each, data.format).pattern
            for name, each in data.held_out.items()
        }
        for each in (pattern, *held_out.values()):
            if has_spans(each):
                check_span(each, int(span))
        corrections = data.corrections
        if corrections is not None:
            read_corrections(corrections)
            corrections = absolute(corrections)
        number = span if isinstance(span, int) else 0
        previews = check_all_data(
            pattern_of_span(pattern, number),
            {name: pattern_of_span(each, number) for name, each in held_out.items()},
            options=options,
            columns=data.row_columns,
        )
    except DataError as error:
        raise ConfigError(with_typed_options(str(error), TYPED)) from error
    except ValueError as error:
        raise ConfigError(f"section data: {error}") from error
    except OSError as error:
        raise ConfigError(f"the data cannot be read: {error}") from error
    patterns = {f"{name}_pattern": each for name, each in held_out.items()}
    found = {"pattern": pattern, "span": span, "corrections": corrections, **patterns}
    size_bytes = sum(preview.size_bytes for preview in previews.values())
    return data.model_copy(update=found), size_bytes, previews[TRAIN].tokenizer
