"""What survives an interruption, and for how long."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.training.state import TrainingState, remove_abandoned, remove_search


def make_model(value):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    set_all(model, value)
    return model


def set_all(model, value):
    for variable in (*model.variables, *model.optimizer.variables):
        variable.assign(np.full(variable.shape, value, variable.dtype))


def values(model):
    return [float(np.max(v)) for v in (*model.variables, *model.optimizer.variables)]


def state_after(losses, *, keep_last=False):
    state = TrainingState()
    model = make_model(0)
    for number, loss in enumerate(losses, start=1):
        set_all(model, number)
        entry = {"eval_loss": loss, "steps": 5}
        state.add(entry, model, keep_last=keep_last)
    return state, model


def test_model_and_optimizer_come_back_as_they_were_saved(tmp_path):
    state, model = state_after([3.0, 1.0, 2.0])
    state.save(tmp_path, model)
    other = make_model(9)
    loaded = TrainingState.load(tmp_path, other)
    assert values(other) == values(model)
    assert loaded.history == state.history
    assert loaded.resumed_after == 3
    loaded.restore_best(other)
    assert [float(np.max(v)) for v in other.variables] == [2.0, 2.0]


def test_without_a_state_the_model_is_left_alone(tmp_path):
    model = make_model(4)
    assert TrainingState.load(tmp_path, model).epochs_done == 0
    assert set(values(model)) == {4.0}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"eval_loss".decode().encode("utf-32-le"), b"x" * 36),
        lambda data: data.replace(b"optimizer-00000", b"optimizer-0000x"),
        lambda data: data.replace(b"(1, 1)", b"(1, '1"),
        lambda data: b"\x93NUMPY\x01\x00v\x00" + data,
    ],
)
def test_a_damaged_state_is_told_and_the_training_begins_anew(tmp_path, caplog, damage):
    state_after([3.0, 1.0])[0].save(tmp_path, make_model(1))
    path = tmp_path / "state.npz"
    path.write_bytes(damage(path.read_bytes()))
    model = make_model(4)
    assert TrainingState.load(tmp_path, model) == TrainingState()
    assert set(values(model)) == {4.0}
    assert re.search(rf"Cannot read the state {path}: |{path} is empty;", caplog.text)
    assert not path.exists()


def test_a_state_of_another_model_is_told_and_the_training_begins_anew(tmp_path):
    state_after([3.0])[0].save(tmp_path, make_model(1))
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.compile(keras.optimizers.Adam(), "mse")
    other.optimizer.build(other.trainable_variables)
    before = values(other)
    assert TrainingState.load(tmp_path, other).epochs_done == 0
    assert values(other) == before


@pytest.mark.parametrize(
    ("losses", "ended_by"),
    [
        ([], None),
        ([3.0, 2.0, 2.5], None),  # one epoch waited
        ([3.0, 2.0, 2.5, 2.0], "patience"),  # two, and equal is not better
        ([5.0, 4.0, 3.0, 2.0, 1.0], "epochs"),
        ([float("nan")] * 2, "patience"),
    ],
)
def test_training_is_over_when_eval_loss_stops_falling(losses, ended_by):
    state, _ = state_after(losses)
    assert state.ended_by(epochs=5, patience=2, max_steps=None) == ended_by


@pytest.mark.parametrize(
    ("losses", "ended_by"),
    [([3.0], None), ([3.0, 2.0], "max_steps"), ([3.0, 4.0, 5.0], "max_steps")],
)
def test_training_is_over_when_all_steps_are_done(losses, ended_by):
    state, _ = state_after(losses)  # 5 steps an epoch
    assert state.ended_by(epochs=3, patience=2, max_steps=10) == ended_by


def test_a_save_that_dies_leaves_the_last_state(tmp_path, monkeypatch):
    state, model = state_after([3.0])
    state.save(tmp_path, model)

    def die(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", die)
    with pytest.raises(KeyboardInterrupt):
        state.save(tmp_path, model)
    assert TrainingState.load(tmp_path, model).history == state.history


def test_only_runs_that_nobody_took_up_for_long_are_deleted(tmp_path):
    day = 24 * 3600
    names = [f"{begin}{'0a' * 8}" for begin in ("", "tuning-", "review-")]
    names.append(f".{names[1]}.{'0c' * 16}.part")
    ages = dict.fromkeys([*names, "mine", "0a" * 9, ".git"], 20 * day)
    for name, age in {**ages, "0b" * 8: day}.items():
        folder = tmp_path / name / "cache"
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
        for path in (folder / "file", folder, folder.parent):
            os.utime(path, (10**9 - age, 10**9 - age))
    remove_abandoned(tmp_path, now=10**9)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"0b" * 8, "mine", "0a" * 9, ".git"}


def test_of_an_abandoned_link_only_the_link_is_deleted(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dangling").symlink_to(tmp_path / "nothing")
    root = tmp_path / "resume"
    root.mkdir()
    (root / ("0a" * 8)).symlink_to(elsewhere)
    remove_abandoned(root, now=time.time() + 15 * 24 * 3600)
    assert list(root.iterdir()) == []
    assert len(list(elsewhere.iterdir())) == 1


def test_behind_a_link_in_the_place_of_the_folder_nothing_is_deleted(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    names = ["0a" * 8, f"tuning-{'0a' * 8}"]
    for name in names:
        (elsewhere / name).mkdir(parents=True)
    (tmp_path / "resume").symlink_to(elsewhere)
    remove_abandoned(tmp_path / "resume", now=time.time() + 15 * 24 * 3600)
    assert sorted(path.name for path in elsewhere.iterdir()) == names


def test_of_searches_only_the_one_that_is_named_is_deleted(tmp_path):
    names = ["tuning-notes", f"tuning-{'0a' * 8}", f"tuning-{'0b' * 8}"]
    for name in names:
        (tmp_path / name).mkdir()
    for name in ("", "..", "tuning-notes", f"tuning-{'0c' * 8}", names[1]):
        remove_search(tmp_path, name)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [names[2], names[0]]


def test_without_patience_the_last_finite_epoch_is_kept():
    state, model = state_after([3.0, 1.0, 2.0, float("nan")], keep_last=True)
    assert state.best_epoch == 3
    state.restore_best(model)
    assert set(values(model)[: len(model.variables)]) == {3.0}
    assert state.ended_by(epochs=9, patience=None, max_steps=None) is None
    assert state.ended_by(epochs=4, patience=None, max_steps=None) == "epochs"


def test_a_folder_that_goes_while_it_is_looked_at_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / f"review-{'0a' * 8}").mkdir()
    gone = [tmp_path / f"review-{'0a' * 8}" / "gone"]
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: iter(gone))
    remove_abandoned(tmp_path, now=time.time() + 15 * 24 * 3600)
    assert (tmp_path / f"review-{'0a' * 8}").is_dir()
