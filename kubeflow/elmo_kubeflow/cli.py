"""The commands `elmo-tfx kubeflow ...`.

The modules of `elmo_kubeflow.commands` declare commands and import what does the work
when a command is called: `--help` waits neither for kfp nor for TFX nor for pydantic.
"""

from __future__ import annotations

import click

from elmo_kubeflow.commands import runs, schedule, submit
from elmo_kubeflow.commands.options import SERVER_HELP


@click.group(
    "kubeflow",
    no_args_is_help=False,
    epilog=f"""{SERVER_HELP}
\b
Examples:
  elmo-tfx kubeflow submit --config run.yaml --host https://kfp.example.org --wait
  elmo-tfx kubeflow schedule create nightly --cron '0 0 3 * * *' --config run.yaml
""",
)
def command() -> None:
    """Run the pipeline on Kubeflow Pipelines or Vertex AI."""


for _command in (
    submit.compile_command,
    submit.submit_command,
    runs.runs_command,
    runs.show_command,
    schedule.command,
):
    command.add_command(_command)
