"""The command `elmo-tfx run`."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli_errors import Misuse, refuse_stray
from pipeline.config import ConfigError, load_config

_EPILOG = """\b
Examples:
  elmo-tfx run --data 'reviews/*.csv' --text-column review \\
      --label-column sentiment --output out/
  elmo-tfx run --config run.yaml --set train.epochs=5 --set train.seed=2
  elmo-tfx run --data texts.tsv --output out/ -- --direct_num_workers=2

The same command again does only what is left to do. Exit code 0: the run ended,
with a model pushed or refused as the summary says; 1: it failed, or another run
holds the output; 2: an option, the data or the ELMo source is wrong.
"""


@click.command(
    "run", short_help="Train on labelled texts, to a pushed model.", epilog=_EPILOG
)
@click.option("--data", help="A file, a quoted glob, or a folder per class.")
@click.option("--text-column", help="Column with the text; default: text.")
@click.option("--label-column", help="Column with the label; default: label.")
@click.option(
    "--columns", help="Names of all columns, where no header gives them: label,text."
)
@click.option("--format", help="auto (default), csv, tsv, jsonl, parquet or folder.")
@click.option("--output", help="Folder for everything the run makes.")
@click.option("--elmo", help="default, a folder, a TF Hub or Kaggle handle.")
@click.option("--config", type=click.Path(path_type=Path), help="A YAML file.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="OPTION=VALUE",
    help="Any option of the configuration, such as train.epochs=5; repeatable.",
)
@click.argument("beam_args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(
    ctx: click.Context,
    data: str | None,
    text_column: str | None,
    label_column: str | None,
    columns: str | None,
    format: str | None,
    output: str | None,
    elmo: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    beam_args: tuple[str, ...],
) -> None:
    """Train a classifier on labelled texts, test it, and push it if it is good enough.

    Progress goes to stderr, the summary to stdout and to OUTPUT/summary.json, all
    that the libraries say to OUTPUT/logs/. What follows -- goes to Beam.
    """
    refuse_stray(ctx, beam_args)
    options = {
        "data.pattern": data,
        "data.text_column": text_column,
        "data.label_column": label_column,
        "data.columns": columns.split(",") if columns else None,
        "data.format": format,
        "output": output,
        "elmo.source": elmo,
        "beam.args": beam_args or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    try:
        loaded = load_config(config, overrides, options=given)
    except ConfigError as error:
        raise Misuse(_in_words_of_options(str(error))) from error

    from pipeline import local_runner
    from pipeline.failure import RunFailed
    from pipeline.output_folder import OutputUnusable
    from pipeline.run_log import log_the_end, run_log

    try:
        result = local_runner.run(loaded)
    except ConfigError as error:
        raise Misuse(str(error)) from error
    except (OutputUnusable, RunFailed) as error:
        raise click.ClickException(str(error)) from error
    log_the_end(result.log)
    with run_log(result.log):
        from pipeline import summary  # TensorFlow Model Analysis is loud, too

        facts = summary.summarize(result)
    click.echo(summary.as_text(facts), nl=False)


def _in_words_of_options(message: str) -> str:
    """Names the command-line option where a required one is missing."""
    for name, option in (("data.pattern", "--data"), ("output", "--output")):
        if message == f"option {name} is required and is not set":
            return f"option {option} is required (or {name} in a --config file)"
    return message
