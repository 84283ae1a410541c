"""The options of one run, which every command that starts runs shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.config import Config


def refuse_stray(ctx: click.Context, beam_args: Sequence[str]) -> None:
    """Refuses an argument that is not an option, such as a glob the shell expanded."""
    stray = [arg for arg in beam_args[:1] if not arg.startswith("--")]
    if stray:
        raise click.UsageError(
            f"unexpected argument. Received: {stray[0]!r} "
            "(hint: put a glob in quotes, and -- before Beam's options)",
            ctx,
        )


_OPTIONS = (
    click.option("--data", help="A file, a quoted glob, or a folder per class."),
    click.option(
        "--eval", "eval_data", help="Its eval rows, if in files of their own."
    ),
    click.option(
        "--test", "test_data", help="Its test rows, if in files of their own."
    ),
    click.option(
        "--text-column",
        multiple=True,
        help="Column with the text; default: text. Repeatable: the texts are joined.",
    ),
    click.option("--label-column", help="Column with the label; default: label."),
    click.option(
        "--label-separator", help="Between the labels of a row, where it has several."
    ),
    click.option(
        "--columns",
        help="Names of all columns, where no header gives them: label,text.",
    ),
    click.option(
        "--format",
        help="auto (default), csv, tsv, jsonl, json, parquet, fasttext, trec or "
        "folder.",
    ),
    click.option("--output", help="Folder for everything the run makes."),
    click.option(
        "--elmo",
        help="default, a folder, an archive of one, the files OPTIONS,WEIGHTS, or a "
        "TF Hub or Kaggle handle.",
    ),
    click.option(
        "--tune",
        metavar="DURATION",
        help="First search better options of the head for so long: 90s, 5m, 1h.",
    ),
    click.option("--config", type=click.Path(path_type=Path), help="A YAML file."),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="OPTION=VALUE",
        help="Any option of the configuration, such as train.epochs=5; repeatable.",
    ),
    click.argument("beam_args", nargs=-1, type=click.UNPROCESSED),
)


def run_options(command: Callable) -> Callable:
    """Adds the options of a run to a command, which hands them to `run_config`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run_config(
    ctx: click.Context,
    *,
    data: str | None,
    eval_data: str | None,
    test_data: str | None,
    text_column: tuple[str, ...],
    label_column: str | None,
    label_separator: str | None,
    columns: str | None,
    format: str | None,
    output: str | None,
    elmo: str | None,
    tune: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    beam_args: tuple[str, ...],
) -> Config:
    """Returns the configuration that the options of `run_options` describe.

    Raises:
        UserError: An option does not exist or has a value that it may not have.
        click.UsageError: An argument stands where only Beam's options may.
    """
    # Making its classes takes 0.2 s, for which --help must not wait.
    from pipeline.config import ConfigError, load_config

    refuse_stray(ctx, beam_args)
    options: dict[str, Any] = {
        "data.pattern": data,
        "data.eval_pattern": eval_data,
        "data.test_pattern": test_data,
        "data.text_column": (
            text_column[0] if len(text_column) == 1 else list(text_column) or None
        ),
        "data.label_column": label_column,
        "data.label_separator": label_separator,
        "data.columns": columns.split(",") if columns else None,
        "data.format": format,
        "output": output,
        "elmo.source": elmo,
        "train.tune": tune,
        "beam.args": beam_args or None,
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    try:
        return load_config(config, overrides, options=chosen)
    except ConfigError as error:
        raise UserError(_in_words_of_options(str(error))) from error


def _in_words_of_options(message: str) -> str:
    """Names the command-line option where a required one is missing."""
    for name, option in (("data.pattern", "--data"), ("output", "--output")):
        if message == f"option {name} is required and is not set":
            return f"option {option} is required (or {name} in a --config file)"
    return message
