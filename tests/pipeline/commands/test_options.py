"""The options that commands which start runs share."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from pipeline.commands.options import run_config, run_options


def test_a_search_can_be_asked_for():
    @click.command()
    @run_options
    @click.pass_context
    def command(ctx, **options):
        click.echo(run_config(ctx, **options).train.tune)

    result = CliRunner().invoke(command, ["--data=a", "--output=b", "--tune", "5m"])
    assert result.output == "5m\n"


@pytest.mark.parametrize(
    ("names", "column"),
    [((), "text"), (("review",), "review"), (("title", "body"), ("title", "body"))],
)
def test_the_text_column_can_be_given_several_times(names, column):
    @click.command()
    @run_options
    @click.pass_context
    def command(ctx, **options):
        click.echo(repr(run_config(ctx, **options).data.text_column))

    columns = [f"--text-column={name}" for name in names]
    result = CliRunner().invoke(command, ["--data=a", "--output=b", *columns])
    assert result.output == f"{column!r}\n"
