"""Starts and ends a Beam runner on this machine."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from tools.runners import flink
from tools.runners.runner import REPOSITORY, Unavailable, job_service, prism
from tools.runners.services import ServiceError, Services

RUNNERS = {
    "job-service": job_service,
    "prism": prism,
    "flink": flink.prepare,
}
FOLDER = REPOSITORY / ".runners"
CACHE = FOLDER / "cache"
_UNAVAILABLE = 3  # exit code: neither done nor failed

_name = click.argument("name", type=click.Choice(list(RUNNERS)))


@click.group(
    epilog="""\b
Examples:
  python -m tools.runners start prism
  python -m tools.runners stop prism
"""
)
def main() -> None:
    """Start and end Apache Flink, Prism or Beam's own job service on this machine."""


def _as_typed(path: Path) -> Path:
    """Returns a path as one types it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@main.command()
@_name
def start(name: str) -> None:
    """Fetch what is missing, start a runner, and print the options that lead to it.

    It listens on this machine and runs whatever it is sent: do not start it on one
    that others can reach.
    """
    folder = FOLDER / name
    try:
        runner = RUNNERS[name](folder, cache=CACHE)
        click.echo(f"{name}: {', '.join(s.name for s in runner.services)}", err=True)
        Services(folder).start(runner.services)
    except Unavailable as error:
        click.echo(f"unavailable: {error}", err=True)
        sys.exit(_UNAVAILABLE)
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    # Not resolved: the program of an environment is a link.
    python = shlex.quote(str(_as_typed(Path(sys.executable))))
    end = f"{python} -m tools.runners stop {name}"
    click.echo(f"logs: {_as_typed(folder)}; end it with: {end}", err=True)
    click.echo(shlex.join(runner.options))


@main.command()
@_name
def stop(name: str) -> None:
    """End a runner and its workers."""
    ended = Services(FOLDER / name).stop()
    click.echo(f"ended: {', '.join(ended) or 'nothing ran'}", err=True)


if __name__ == "__main__":
    main(prog_name="python -m tools.runners")
