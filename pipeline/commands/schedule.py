"""The command `elmo-tfx schedule`."""

from __future__ import annotations

import functools
import json
import signal
import sys
from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.options import run_config, run_options
from pipeline.errors import RunError, UserError
from pipeline.scheduling.cron import check_cron

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.scheduling.outcome import Outcome

_EPILOG = """\b
Examples:
  elmo-tfx schedule --cron "0 3 * * *" --data 'reviews/{YYYY}-{MM}-{DD}/*.csv' \\
      --output out/
  elmo-tfx schedule --cron "*/30 * * * 1-5" --timezone Europe/Berlin \\
      --config run.yaml
  elmo-tfx schedule --history --output out/

The five fields are minute, hour, day, month and weekday, with Sunday as 0. It stays
in the foreground; Ctrl-C or SIGTERM ends it and the run under way, a second one
kills that run. Exit code 130 after Ctrl-C, 0 after SIGTERM; 1: another schedule holds
the output; 2: an option is wrong.
"""


@click.command("schedule", epilog=_EPILOG)
@click.option("--cron", help='When to run: "0 3 * * *" is every day at 03:00.')
@click.option(
    "--timezone", help="Where that is the time: Europe/Berlin; default: here."
)
@click.option("--history", is_flag=True, help="List the runs so far, and end.")
@click.option("--json", "as_json", is_flag=True, help="The history as JSON Lines.")
@run_options
@click.pass_context
def command(
    ctx: click.Context,
    cron: str | None,
    timezone: str | None,
    history: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Start the run that `elmo-tfx run` would, at each time that comes due.

    One at a time, each in a process of its own, and only if data, options or code are
    new. What came due during a run, or while no schedule was running, is run once.
    """
    if history:
        _show_history(_output(ctx, options), as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --history only", ctx)
    if cron is None:
        raise click.UsageError(
            'option --cron is required (hint: --cron "0 3 * * *")', ctx
        )
    check_cron(cron)
    _run(run_config(ctx, **options), cron, _zone(timezone))


def _run(config: Config, cron: str, zone: tzinfo) -> None:
    from components.text_example_gen.spans import has_spans
    from pipeline.runs.webhook import Webhook
    from pipeline.scheduling.schedule import Schedule
    from pipeline.scheduling.store import ScheduleFolder

    tells = config.push.webhook
    if tells:
        Webhook.from_environment()  # one that cannot be used is said now
    schedule = Schedule(
        ScheduleFolder(config.output),
        cron=cron,
        zone=zone,
        say=click.echo,
        span=str(config.data.span) if has_spans(config.data.pattern) else None,
        tell=functools.partial(_tell, config.output) if tells else None,
    )
    try:
        ended_by = schedule.run(config.model_dump_json())
    except OSError as error:
        raise RunError(
            f"the schedule cannot be kept: {error.filename}: {error.strerror}"
        ) from error
    sys.exit(130 if ended_by == signal.SIGINT else 0)


def _tell(output: str, outcome: Outcome, say: Callable[[str], None]) -> None:
    """Tells the receiver what came of a run, from this process: that may have died."""
    from pipeline.runs.past_runs import read_run
    from pipeline.runs.webhook import tell, tell_of_late

    if outcome.outcome not in ("pushed", "refused", "failed"):
        return
    run = read_run(output, outcome.run_id) if outcome.run_id else None
    tell(output, run or outcome.past_run(), say)
    tell_of_late(output, say)


def _zone(name: str | None) -> tzinfo:
    from zoneinfo import ZoneInfo

    from tzlocal import get_localzone

    if name is None:
        try:
            return get_localzone()
        except (KeyError, ValueError, OSError) as error:
            raise UserError(
                "this machine's time zone has no name that is known: "
                f"{' '.join(str(error.args[-1]).split())} "
                "(hint: --timezone Europe/Berlin)"
            ) from error
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(
            f"option --timezone: there is no such time zone. Received: {name!r} "
            "(hint: Europe/Berlin, UTC)"
        ) from error


def _output(ctx: click.Context, options: dict[str, Any]) -> str:
    if options["output"] is not None and options["config"] is None:
        return options["output"]  # the other options of a run are not needed
    return run_config(ctx, **options).output


def _show_history(output: str, as_json: bool) -> None:
    from pipeline.scheduling.store import ScheduleFolder
    from pipeline.scheduling.text import table

    folder = ScheduleFolder(output)
    try:
        history = folder.read_history()
    except OSError as error:
        raise RunError(
            f"the history cannot be read: {error.filename}: {error.strerror}"
        ) from error
    if as_json:
        for past in history:
            click.echo(json.dumps(past.to_json()))
    elif history:
        click.echo(table(history), nl=False)
    elif not folder.path.is_dir():
        raise UserError(f"no schedule has run into this output. Received: {output}")
    else:
        click.echo("no run has ended so far", err=True)
