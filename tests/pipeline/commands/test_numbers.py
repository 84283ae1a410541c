"""Numbers of the command line that nothing could work with."""

from __future__ import annotations

import click
import pytest

from pipeline.cli import main
from pipeline.commands.numbers import (
    MOST,
    MOST_OF_64_BITS,
    FiniteNumber,
    WholeNumber,
)

NAMES = [name for name in main.list_commands(None) if name != "kubeflow"]


@pytest.mark.parametrize("name", NAMES)
def test_each_whole_number_has_bounds_on_both_sides(name):
    command = main.get_command(click.Context(main), name)
    for option in command.params:
        if not isinstance(option.type, click.types.IntParamType):
            continue
        assert isinstance(option.type, WholeNumber), option.name
        for text in (str(option.type.max + 1), "9" * 30, "9" * 5000, "-1"):
            with pytest.raises(click.BadParameter, match="not "):
                option.type.convert(text, option, None)
        assert option.type.convert(str(option.type.max), option, None) <= (
            MOST_OF_64_BITS if name == "rollback" else MOST
        )


@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_infinite_or_none(name):
    command = main.get_command(click.Context(main), name)
    for option in command.params:
        if isinstance(option.type, click.types.FloatParamType):
            assert isinstance(option.type, FiniteNumber), option.name
            for text in ("nan", "inf", "1e999"):
                with pytest.raises(click.BadParameter, match="not "):
                    option.type.convert(text, option, None)


def test_a_number_is_refused_before_anything_is_read(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["embed", "--input=no.csv", "--output=no", f"--max-tokens={10**30}"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "Invalid value for '--max-tokens'" in error
    assert "1<=x<=2147483647" in error
