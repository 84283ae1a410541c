"""The command `elmo-tfx run`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.commands.options import run_config, run_options
from pipeline.terminal import visible_line

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


@click.command("run", epilog=_EPILOG)
@click.option(
    "--only-if-new",
    is_flag=True,
    help="End at once where data, options and code are those of the last run.",
)
@run_options
@click.pass_context
def command(ctx: click.Context, only_if_new: bool, **options: Any) -> None:
    """Train a classifier on labelled texts, test it, and push it if it is good enough.

    Progress goes to stderr, the summary to stdout and to OUTPUT/summary.json, all
    that the libraries say to OUTPUT/logs/. What follows -- goes to Beam.
    """
    config = run_config(ctx, **options)

    from pipeline import local_runner
    from pipeline.interrupts import reraise_interrupt
    from pipeline.runs import webhook
    from pipeline.runs.outcomes import NothingNew
    from pipeline.runs.past_runs import read_run
    from pipeline.runs.summary_text import as_text

    if config.push.webhook:
        webhook.Webhook.from_environment()  # one that cannot be used is said now
    run_id = None
    try:
        with local_runner.run(config, only_if_new=only_if_new) as result:
            if isinstance(result, NothingNew):
                click.echo(visible_line(str(result)))
                return
            run_id = result.record.run_id
            summary = local_runner.summarize(result)
        click.echo(as_text(summary), nl=False)
    except Exception as error:
        reraise_interrupt(error)
        if config.push.webhook:
            webhook.tell_of_failure(config.output, error, run_id, _say)
        raise
    run = read_run(config.output, run_id)
    if config.push.webhook and run is not None:
        webhook.tell(config.output, run, _say)
        webhook.tell_of_late(config.output, _say)


def _say(line: str) -> None:
    click.echo(visible_line(line), err=True)
