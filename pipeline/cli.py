"""The command `elmo-tfx`.

A command's module is imported when that command is called, so that `--help` does not
wait for TensorFlow. Exit codes: 0 done, 1 failed, 2 misused, 130 ended by Ctrl-C, 143
by SIGTERM.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from pipeline.errors import with_hint_in_brackets
from pipeline.interrupts import interrupts_noted
from pipeline.terminal import show_controls

# Command -> module, function, first line of its help.
_COMMANDS = {
    "run": ("pipeline.commands.run", "Train on labelled texts, to a pushed model."),
    "predict": ("pipeline.commands.predict", "Classify any number of texts, on Beam."),
    "embed": ("pipeline.commands.embed", "Write the ELMo vectors of texts, on Beam."),
    "score": ("pipeline.commands.score", "Classify texts with a pushed model."),
    "schedule": ("pipeline.commands.schedule", "Train again at the times of a cron."),
    "rollback": ("pipeline.commands.rollback", "Serve an earlier pushed model again."),
    "pretrain": ("pipeline.commands.pretrain", "Train an ELMo on texts of one's own."),
    "kubeflow": ("elmo_kubeflow.cli", "Run on Kubeflow Pipelines or Vertex AI."),
}
# Of these an interrupted one loses nothing that it has finished.
_GO_ON = {"run", "predict", "embed", "pretrain"}


class _Interrupted(click.ClickException):
    """The signal `number` ended a command."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class _LazyGroup(click.Group):
    """Commands that are imported on use, and errors that take one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(_COMMANDS[cmd_name][0]).command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; what a signal ends is interrupted, and has not failed."""
        with interrupts_noted() as noted:
            try:
                return super().invoke(ctx)
            except (KeyboardInterrupt, Exception) as error:
                is_interrupt = isinstance(error, KeyboardInterrupt)
                if noted.number is None and not is_interrupt:
                    raise
                number = noted.number or signal.SIGINT
                raise _Interrupted(_interruption(ctx, error), number) from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command; an error becomes `error: ...` and the exit code."""
        arguments = (args, prog_name, complete_var)
        if not standalone_mode:
            return super().main(*arguments, standalone_mode=False, **extra)
        show_controls()
        try:
            super().main(*arguments, standalone_mode=False, **extra)
        except click.UsageError as error:
            message = error.format_message()
            is_explained = "hint:" in message or "Did you mean" in message
            if error.ctx is not None and not is_explained:
                message += f" (hint: {error.ctx.command_path} --help)"
            _leave(message, error.exit_code)
        except _Interrupted as error:
            _leave(error.format_message(), 128 + error.number)  # as shells expect it
        except click.ClickException as error:
            _leave(error.format_message(), error.exit_code)
        sys.exit(0)


def _interruption(ctx: click.Context, error: BaseException) -> str:
    if (
        isinstance(error, click.ClickException)
        and error.exit_code == 128 + signal.SIGINT
    ):
        return error.format_message()  # the command says itself what goes on
    goes_on = ctx.invoked_subcommand in _GO_ON
    message = "interrupted; the same command goes on from here"
    return message if goes_on else "interrupted"


def _leave(message: str, code: int) -> None:
    click.echo(f"error: {with_hint_in_brackets(message)}", err=True)
    sys.exit(code)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: elmo-tfx run --data 'reviews/*.csv' --output out/",
)
@click.version_option(package_name="elmo-tfx")
def main() -> None:
    """From labelled text to a served classifier on ELMo embeddings."""


if __name__ == "__main__":
    main()
