from __future__ import annotations

import json
import logging
import os
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.files import locked_folder
from tests.keras_elmo.pretraining.texts import write_text
from tests.keras_elmo.tiny import TINY

QUICK = [*("--steps", "2", "--batch", "2", "--unroll", "2", "--negatives", "4")]
SMALL = [*("--min-count", "1", "--held-out-every", "10")]


def call(*arguments):
    """Runs `elmo-tfx pretrain`; returns its exit code and all it wrote."""
    result = CliRunner().invoke(main, ["pretrain", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def options_file(tmp_path):
    from keras_elmo import BiLMOptions

    path = tmp_path / "options.json"
    path.write_text(json.dumps(BiLMOptions(**TINY).to_dict()))
    return path


def _train(tmp_path, options_file, *arguments):
    """Trains for two batches; returns the output and the training's settings."""
    write_text(tmp_path / "a.txt", lines=60)
    code, output = call(
        *("--corpus", tmp_path / "*.txt", "--output", tmp_path / "out"),
        *("--options", options_file, *QUICK, *SMALL, *arguments),
    )
    assert code == 0, output
    with np.load(tmp_path / "out/training/checkpoint.npz") as arrays:
        return output, json.loads(arrays["facts"].tobytes())["settings"]


def test_one_command_trains_on_text_files(tmp_path, options_file):
    output, settings = _train(tmp_path, options_file, "--float16")
    assert "loading TensorFlow …" in output
    assert "Held-out perplexity" in output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    expected = {"options.json", "weights.hdf5", "vocabulary.txt", "README.md"}
    assert names == expected | {"training"}
    defaults = {"dropout": 0.1, "lowercase_share": 0.0, "dtype": "float32"}
    assert settings.items() >= defaults.items()


def test_the_training_has_the_settings_asked_for(tmp_path, options_file):
    arguments = ("--dropout", 0, "--lowercase-share", 0.3, "--dtype", "mixed_bfloat16")
    _, settings = _train(tmp_path, options_file, *arguments)
    expected = {"dropout": 0.0, "lowercase_share": 0.3, "dtype": "mixed_bfloat16"}
    assert settings.items() >= expected.items()


@pytest.mark.parametrize("name", ["none-such", "torch"])
def test_a_backend_that_is_not_installed_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, output = call("--corpus", "*.txt", "--output", tmp_path / "out")
    assert code == 2
    assert f"and be installed. Received: '{name}' (hint: unset it" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lowercase-share", 2], "2.0 is not in the range 0<=x<=1"),
        (["--dropout", 1], "1.0 is not in the range 0<=x<1"),
        (["--dtype", "float16"], "'float16' is not one of"),
        (["--dropout", "nan"], "nan is not a finite number"),
        (["--minutes", "inf"], "inf is not a finite number"),
        *(
            ([option, value], "is not in the range ")
            for option, value in (
                *(("--steps", 0), ("--batch", 0), ("--unroll", 0), ("--negatives", -1)),
                *(("--minutes", 0), ("--learning-rate", 0), ("--vocabulary-size", 3)),
                *(("--min-count", -1), ("--seed", -1)),
            )
        ),
    ],
)
def test_settings_out_of_range_are_a_misuse(tmp_path, arguments, message):
    code, output = call("--output", tmp_path, *QUICK, *arguments)
    assert code == 2
    assert message in output
    assert "loading TensorFlow" not in output  # said at once


def test_a_folder_of_other_files_is_no_place_for_a_model(tmp_path):
    (tmp_path / "README.md").write_text("my project")
    code, output = call("--output", tmp_path, *QUICK)
    assert code == 2
    assert f"option --output: {tmp_path} has other files (README.md)" in output
    assert "loading TensorFlow" not in output
    assert (tmp_path / "README.md").read_text() == "my project"


def test_a_training_is_not_disturbed_by_a_second_one(tmp_path):
    with locked_folder(tmp_path / "out" / "training"):
        code, output = call("--output", tmp_path / "out", *QUICK)
    assert code == 2
    assert f"another process trains in {tmp_path / 'out'} (hint: wait" in output


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    code, output = call("--output", tmp_path / "file" / "out", *QUICK)
    assert code == 2
    assert "option --output: cannot be written: " in output
    assert "file/out/training: Not a directory" in output


def test_what_is_no_unicode_is_no_end_of_a_training(
    tmp_path, options_file, monkeypatch
):
    # What pytest keeps of the log, xdist could not send.
    monkeypatch.setattr(logging.getLogger("keras_elmo"), "propagate", False)
    write_text(tmp_path / os.fsdecode(b"\xff.txt"), lines=60)
    _train(tmp_path, options_file, "--corpus-note", "Tickets \udcff")
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert "Tickets ?\n" in card
    assert "| ?.txt | 60 |" in card


def test_texts_that_are_not_there_are_a_misuse(tmp_path):
    code, output = call("--corpus", tmp_path / "*.txt", "--output", tmp_path / "out")
    assert code == 2
    assert "must match at least one text file. Received:" in output


def test_a_time_and_a_number_of_steps_exclude_each_other(tmp_path):
    code, output = call("--output", tmp_path, "--minutes", 3, *QUICK)
    assert code == 2
    assert "options --minutes and --steps: give one of them" in output


def test_a_training_goes_on_from_another_model(tmp_path, options_file):
    _train(tmp_path, options_file)
    arguments = ("--corpus", tmp_path / "a.txt", "--output", tmp_path / "more")
    start = ("--start", tmp_path / "out")
    code, output = call(*arguments, *start, *QUICK, *SMALL)
    assert code == 0 and "Held-out perplexity" in output
    code, output = call(*arguments, *start, "--options", options_file)
    assert (code, "--start and --options: give one" in output) == (2, True)
    code, output = call(*arguments, "--start", tmp_path / "nowhere")
    assert (code, "option --start: " in output, "nowhere" in output) == (2, True, True)
