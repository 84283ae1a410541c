"""The commands' help: quick, without kfp, and with an example."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from elmo_kubeflow import step
from elmo_kubeflow.cli import command
from pipeline.commands.numbers import WholeNumber
from tests.kubeflow.kfp_command import error_of, kubeflow


def _paths(group: click.Group) -> list[list[str]]:
    paths = []
    for name, below in group.commands.items():
        paths.append([name])
        if isinstance(below, click.Group):
            paths.extend([name, *rest] for rest in _paths(below))
    return paths


@pytest.mark.parametrize("path", [[], *_paths(command)], ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    result = kubeflow(*path, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
    assert " ".join(["elmo-tfx kubeflow", *path]) in result.output


def _params(group: click.Group) -> list[click.Parameter]:
    params = [*group.params]
    for below in group.commands.values():
        params += _params(below) if isinstance(below, click.Group) else below.params
    return params


@pytest.mark.parametrize("group", [command, step.main], ids=["kubeflow", "step"])
def test_each_whole_number_has_bounds_on_both_sides(group):
    numbers = [
        option.type
        for option in _params(group)
        if isinstance(option.type, click.types.IntParamType)
    ]
    assert numbers and all(isinstance(number, WholeNumber) for number in numbers)


def test_no_line_of_the_lists_of_commands_is_cut_short():
    for path in ([], ["schedule"]):
        commands = kubeflow(*path, "--help").output.partition("Commands:\n")[2]
        assert "..." not in commands.partition("\n\n")[0]


def test_all_help_takes_a_second_of_work_at_most_and_neither_kfp_nor_tfx(repository):
    code = (
        "import sys, time; from pipeline.cli import main\n"
        f"for path in {[[], *_paths(command)]}:\n"
        "  try: main(['kubeflow', *path, '--help'])\n"
        "  except SystemExit as exit: assert not exit.code\n"
        "slow = {'kfp', 'tfx', 'tensorflow', 'google.cloud.aiplatform', 'pydantic'}\n"
        "print(slow & set(sys.modules), time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=repository,
    )
    loaded, seconds = done.stderr.split()
    assert loaded == "set()"
    # Of work: how long it takes depends on what else the machine does.
    assert float(seconds) < 1.0


@pytest.mark.parametrize("script", ["compile", "submit", "schedule"])
def test_the_scripts_are_the_commands(repository, script):
    done = subprocess.run(
        [sys.executable, f"kubeflow/{script}.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=repository,
    )
    assert done.stdout.startswith(f"Usage: elmo-tfx kubeflow {script} ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "Missing command. (hint: "),
        (["schedule"], "Missing command. (hint: "),
        (["submit"], "is required and is not set"),
        (["submit", "--project", "p"], "--project means nothing without --vertex"),
        (["submit", "--vertex", "--host", "h"], "--host means nothing with --vertex"),
        (["submit", "--vertex", "--project", "p"], "--vertex needs --region"),
        (["schedule", "create", "n"], "'--cron'"),
        (["compile", "--package", "p.json"], "must end in .yaml. Received: p.json"),
        (["compile", "--package", "no/p.yaml"], "there is no folder no"),
        (["compile", "--config", "no.yaml"], "cannot be read: no.yaml"),
    ],
)
def test_a_wrong_call_is_exit_code_2_and_one_line(args, message):
    assert message in error_of(kubeflow(*args), code=2)
