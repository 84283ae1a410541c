"""The command `elmo-tfx`.

A command's module is imported when that command is called, so that `--help` does not
wait for TensorFlow. Exit codes: 0 done, 1 failed, 2 misused, 130 ended by Ctrl-C, 143
by SIGTERM; that ends `schedule` well, and its code is 0.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

try:
    import click

    from pipeline.errors import RunError, UserError, one_line
    from pipeline.interrupts import Interrupts, interrupts_noted, keep_exit_code
    from pipeline.terminal import show_controls
except KeyboardInterrupt:  # a tenth of a second in which no handler is there yet
    sys.stderr.write("error: interrupted\n")
    sys.exit(128 + signal.SIGINT)
except ModuleNotFoundError as error:  # as after `pip install .`, with the layer alone
    sys.stderr.write(
        f"error: the command needs {error.name}, which is not installed (hint: `make "
        "env` in a clone, or pip install '.[pipeline]')\n"
    )
    sys.exit(1)

# Command -> module, function, first line of its help.
_COMMANDS = {
    "run": ("pipeline.commands.run", "Train on labelled texts, to a pushed model."),
    "predict": ("pipeline.commands.predict", "Classify any number of texts, on Beam."),
    "embed": ("pipeline.commands.embed", "Write the ELMo vectors of texts, on Beam."),
    "score": ("pipeline.commands.score", "Classify texts with a pushed model."),
    "review": ("pipeline.commands.review", "Rank the labels that may be wrong."),
    "schedule": ("pipeline.commands.schedule", "Train again at the times of a cron."),
    "runs": ("pipeline.commands.runs", "List the runs of an output, side by side."),
    "report": ("pipeline.commands.report", "Make the page of a run again."),
    "rollback": ("pipeline.commands.rollback", "Serve an earlier pushed model again."),
    "pretrain": ("pipeline.commands.pretrain", "Train an ELMo on texts of one's own."),
    "kubeflow": ("elmo_kubeflow.cli", "Run on Kubeflow Pipelines or Vertex AI."),
}
# Of these an interrupted one loses nothing that it has finished.
_GO_ON = {"run", "predict", "embed", "pretrain"}
# All others are made of TensorFlow's graphs.
_ANY_BACKEND = {"pretrain"}

# What the machine refuses, whoever asks: disk, quota, open files, long names.
_OF_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO} | {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENAMETOOLONG,
}
# What stands in the way of one file: rights, a folder or a pipe in its place, a link.
_OF_PATH = {errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP} | {
    errno.EEXIST,
    errno.ENOTEMPTY,
    errno.EINVAL,
    errno.EBUSY,
    errno.ESTALE,
}


class _Interrupted(click.ClickException):
    """A signal ended a command."""


class _LazyGroup(click.Group):
    """Commands that are imported on use, and errors that take one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        if cmd_name not in _ANY_BACKEND:
            # One that is meant for other programs of Keras may not even be installed.
            os.environ["KERAS_BACKEND"] = "tensorflow"
        return importlib.import_module(_COMMANDS[cmd_name][0]).command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses NUL, which no path may have: no system passes it, but Python may."""
        for before, arg in itertools.pairwise(["", *args]):
            if "\0" in arg:
                name = next(
                    (each for each in (arg, before) if each.startswith("--")),
                    "argument",
                )
                raise click.UsageError(
                    f"option {name.partition('=')[0]}: must not hold the character "
                    f"NUL. Received: {arg!r}",
                    ctx,
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; click itself would print an empty line for Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted("interrupted") from error

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
        command = next(iter(sys.argv[1:] if args is None else args), "")
        with interrupts_noted() as noted:
            try:
                super().main(*arguments, standalone_mode=False, **extra)
                code, message = 0, ""
            except SystemExit as error:  # of a command with codes of its own
                code, message = int(error.code or 0), ""
            # A fault of ours goes on as it is.
            except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001
                code, message = _ending(command, error, noted)
                # What is behind the error is gone with it, and TensorFlow may say so.
                _end_with(code, message, noted)
                message = ""
            _end_with(code, message, noted)
        sys.exit(code)


def _end_with(code: int, message: str, noted: Interrupts) -> None:
    """Says how a command ends; of one that a signal ended nothing else is said."""
    keep_exit_code(code)
    noted.exit_code = code
    if message:
        click.echo(f"error: {message}", err=True)
    if noted.number is not None:
        with contextlib.suppress(OSError, AttributeError):
            sys.stderr.flush()
            if sys.stderr.fileno() == 2:  # not what a test has put there
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, 2)
                os.close(nothing)


def _ending(command: str, error: BaseException, noted: Interrupts) -> tuple[int, str]:
    """Returns the exit code of a command that an error ended, and what is said of it.

    What a signal ends is interrupted, and has not failed, whatever a library has made
    of it.
    """
    is_interrupt = isinstance(error, _Interrupted | click.Abort | KeyboardInterrupt)
    if noted.number is not None or is_interrupt:
        number = noted.number or signal.SIGINT
        if command == "schedule" and number == signal.SIGTERM:
            return 0, ""  # it had not begun, and ends as it would later
        return 128 + number, _interruption(command, error)  # as shells expect it
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()  # all lines of the help
        return error.exit_code, ""
    if isinstance(error, click.UsageError):
        message = one_line(error.format_message())
        is_explained = "hint:" in message or "Did you mean" in message
        if error.ctx is not None and not is_explained:
            message += f" (hint: {error.ctx.command_path} --help)"
        return error.exit_code, message
    if isinstance(error, click.ClickException):
        message = error.format_message()
        is_shown = isinstance(error, UserError | RunError)
        return error.exit_code, message if is_shown else one_line(message)
    refusal = _refusal(error)
    if refusal:
        return 1, one_line(refusal)
    raise error


def _refusal(error: BaseException) -> str:
    """Returns what is said of an error if the machine or a path is at fault, or ""."""
    if not isinstance(error, OSError):
        return ""
    # Of a file that was to take another's place, that one's name says more.
    path = error.filename2 or error.filename
    if error.errno in _OF_MACHINE:
        return f"{path or 'what is printed or written'}: {error.strerror}"
    if error.errno in _OF_PATH and isinstance(path, str | os.PathLike):
        return f"{path}: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        try:
            os.getcwd()
        except FileNotFoundError:
            return "the current folder has been removed\nhint: change to another"
        try:
            tempfile.gettempdir()
        except FileNotFoundError as unusable:
            from pipeline.full_disk import without_temporary_folder

            return without_temporary_folder(unusable)
    return ""


def _interruption(command: str, error: BaseException) -> str:
    if (
        isinstance(error, click.ClickException)
        and error.exit_code == 128 + signal.SIGINT
    ):
        return error.format_message()  # the command says itself what goes on
    goes_on = command in _GO_ON
    message = "interrupted; the same command goes on from here"
    return message if goes_on else "interrupted"


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
