"""Tests of the command line as far as it goes without TensorFlow."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pipeline.cli import _COMMANDS, main
from pipeline.fingerprints import sources_of


def _invoke(*args: str):
    return CliRunner().invoke(main, args)


_KUBEFLOW = ("compile", "submit", "runs", "show", "schedule", "schedule create")
_ALL_HELP_AND_WHAT_IT_LOADED = """
import sys
from click.testing import CliRunner
from pipeline.cli import main
for words in sys.argv[1:]:
    result = CliRunner().invoke(main, [*words.split(), "--help"])
    assert result.exit_code == 0, words
    assert f"elmo-tfx {words}" in result.output, words
large = {
    "tensorflow", "keras", "tfx", "apache_beam", "kfp", "ml_metadata", "pandas",
    "sklearn", "pyarrow", "tabulate",
}
print(*sorted(large & sys.modules.keys()))
"""


def test_no_help_waits_for_a_large_library(repository):
    commands = [*_COMMANDS, *(f"kubeflow {name}" for name in _KUBEFLOW)]
    done = subprocess.run(
        [sys.executable, "-c", _ALL_HELP_AND_WHAT_IT_LOADED, *commands],
        capture_output=True,
        text=True,
        cwd=repository,
        env={**os.environ, "PYTHONPATH": f"{repository}:{repository / 'kubeflow'}"},
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "\n")


def _imported_with(module: str) -> set[str]:
    """Returns what a module's import loads: names at the top of it and of ours."""
    sources = sources_of(module)
    loaded: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in loaded:
            continue
        loaded.add(name)
        waiting.append(name.rpartition(".")[0] or name)
        for node in ast.parse(sources.get(name, b"")).body:
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = str(node.module)
                waiting += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return loaded


def test_the_network_alone_needs_no_tensorflow():
    assert "tensorflow" not in _imported_with("keras_elmo.bilm")
    assert "tensorflow" in _imported_with("keras_elmo.layer")


def test_the_list_of_runs_and_a_notice_need_no_large_library():
    for module in ("pipeline.runs.past_runs", "pipeline.runs.webhook"):
        large = {"tensorflow", "tfx", "apache_beam", "ml_metadata", "pandas"}
        assert not large & _imported_with(module)


def test_training_knows_nothing_of_configuration_runs_and_metadata():
    rooms = {tuple(m.split(".")[:2]) for m in sources_of("pipeline.training.trainer")}
    above = {("pipeline", name) for name in ("config", "runs", "metadata", "commands")}
    assert not rooms & above


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_help_with_an_example(name):
    result = _invoke(name, "--help")
    assert result.exit_code == 0
    assert f"elmo-tfx {name}" in result.output
    assert _COMMANDS[name][1] in _invoke("--help").output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["rnu"], "No such command 'rnu'"),
        (["run", "--outptu", "x"], "'--outptu'"),
        (["run", "--output", "x"], "option --data is required"),
        (["run", "--data", "x"], "option --output is required"),
        (["run", "--data", "a.csv", "b.csv"], "unexpected argument. Received: 'b.csv'"),
        (
            ["run", "--data", "x", "--output", "y", "--set", "train.epoch=1"],
            "option train.epoch does not exist (hint: did you mean train.epochs?)",
        ),
        (["run", "--config", "no.yaml"], "cannot be read: no.yaml"),
        (["score", "--model", "no-such-folder", "text"], "no-such-folder"),
        (["score", "--model", "x"], "argument TEXTS"),
        (["score", "text"], "option --model: there is no folder out/serving"),
        (["schedule", "--history", "--output", "a\0b"], "option --output: must not"),
        (["rollback", "--output=a\0b"], "option --output: must not hold the char"),
    ],
)
def test_a_wrong_option_gets_one_line_and_exit_code_2(args, message, monkeypatch):
    result = _invoke(*args)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1
    assert message in result.output


def test_a_name_that_is_too_long_gets_one_line(tmp_path):
    result = _invoke("runs", "--output", str(tmp_path / ("x" * 300)))
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and result.output.count("\n") == 1
    assert "File name too long" in result.output


def test_the_command_alone_shows_its_help():
    result = _invoke()
    assert result.exit_code == 2
    assert result.output.startswith("Usage: ") and "Commands:\n  run " in result.output


def test_closed_streams_are_empty_and_take_what_is_written(repository, tmp_path):
    # The next file that is opened would have the number of stdout.
    program = """
import os, sys
from pipeline.terminal import show_controls
show_controls()
print("lost")
sys.stderr.write("lost")
with open("file", "w") as file:
    assert file.fileno() > 2
    os.write(1, b"lost")
assert sys.stdin.read() == "" and open("file").read() == ""
"""
    command = f"{sys.executable} -c '{program}' <&- >&- 2>&-"
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    assert (
        subprocess.run(command, shell=True, cwd=tmp_path, env=environment).returncode
        == 0
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_what_cannot_be_printed_gets_one_line(repository):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "predict", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=repository,
        )
    assert done.returncode == 1
    error = "error: what is printed or written: No space left on device"
    assert done.stderr.splitlines()[0] == error
    assert "Traceback" not in done.stderr


def test_a_current_folder_that_is_gone_gets_one_line(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    done = _invoke("run", "--data", "a.csv", "--output", "out")
    message = "error: the current folder has been removed (hint: change to another)"
    assert (done.exit_code, done.output) == (1, f"{message}\n")


def test_a_backend_that_is_meant_for_other_programs_is_passed_over(repository):
    program = (
        "from pipeline.cli import main; main.get_command(None, 'run'); import keras"
    )
    environment = {**os.environ, "KERAS_BACKEND": "none-such"}
    command = [sys.executable, "-c", f"{program}; print(keras.backend.backend())"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=repository, env=environment
    )
    assert done.stdout == "tensorflow\n", done.stderr


def test_without_a_temporary_folder_there_is_one_line(tmp_path, repository):
    (tmp_path / "a.csv").write_text("text,label\na,b\n" * 9)
    data = ["--data", str(tmp_path / "a.csv"), "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", *data],
        capture_output=True,
        text=True,
        cwd=repository,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: No usable temporary directory found in ['")
    assert line.endswith("(hint: make room there, or set TMPDIR)")


def test_with_the_layer_alone_the_command_says_what_it_needs(repository):
    program = "import sys; sys.modules['click'] = None; from pipeline.cli import main"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the command needs click, which is not inst")
    assert done.stderr.count("\n") == 1
