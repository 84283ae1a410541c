"""Tests of the search for better options of the head, with a tiny ELMo."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tfx.components.tuner.executor import Executor
from tfx.types import standard_artifacts

from components.progress import listening
from pipeline.files import remove
from pipeline.training import left_out, trial_heads, tuning
from pipeline.training.left_out import Judgement, NoLoss
from pipeline.training.state import remove_search
from pipeline.training.tuned_options import SEARCH, Search, tuned, with_options
from pipeline.training.tuning import tuner_fn, with_comparison
from tests.pipeline.tiny_training import (
    TRAIN,
    _encoder,
    fn_args,
    train,
)

_TUNED = {**TRAIN, "epochs": 1, "tune": "30s"}
_GIVEN = {
    "model.pooling": "mean",
    "model.hidden_units": 0,
    "model.embedding_dropout": 0.0,
    "model.dropout": 0.1,
    "model.ngram_rows": 1000,
    "train.learning_rate": 0.05,
    "train.batch_size": 8,
}


class _Clock:
    """Says that each head takes four seconds."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class _Judge:
    """Stands for the heads: a loss that is a function of the options."""

    def __init__(self, clock, loss=None):
        self.clock, self.loss = (
            clock,
            loss or (lambda config: config["model"]["dropout"]),
        )
        self.asked = []  # (section model, section train, texts, folds, seed)

    def __call__(self, config, data, store, *, texts, folds, num_classes, seed):
        self.asked.append((config["model"], config["train"], texts, folds, seed))
        for fold in range(left_out.FOLDS):
            self.clock.now += 4
            loss = self.loss(config)
            count = (folds == fold).sum()
            noise = np.linspace(-0.001, 0.001, count) * config["model"]["dropout"]
            yield Judgement(loss + noise, np.ones(count))


@pytest.fixture
def clock(monkeypatch):
    clock = _Clock()
    init = tuning.HeadTuner.__init__
    monkeypatch.setattr(
        tuning.HeadTuner,
        "__init__",
        lambda self, *args: init(self, *args, clock=clock),
    )
    monkeypatch.setattr(tuning, "build_encoder", _encoder)
    return clock


@pytest.fixture
def args(transformed_data, small_elmo, tmp_path):
    return fn_args(transformed_data, tmp_path, elmo=small_elmo, train=_TUNED)


@pytest.fixture
def judged(monkeypatch, clock):
    judged = _Judge(clock)
    monkeypatch.setattr(trial_heads, "judge", judged)
    return judged


def _searched(args):
    """Does what TFX's executor does, and returns the values it writes, and the rest."""
    found = tuner_fn(args)
    found.tuner.search_space_summary()
    found.tuner.search(**found.fit_kwargs)
    found.tuner.results_summary()
    [best] = found.tuner.get_best_hyperparameters()
    values = json.loads(json.dumps(best.get_config()))["values"]
    search = values.pop(SEARCH)
    return values, search, found.tuner


def _options(asked):
    model, train = asked[0], asked[1]
    return {
        name: {"model": model, "train": train}[name.split(".")[0]][name.split(".")[1]]
        for name in _GIVEN
    }


def test_the_given_options_are_tried_first_and_the_others_differ(args, judged):
    _searched(args)
    tried = [_options(asked) for asked in judged.asked[:-2]]
    assert tried[0] == _GIVEN
    assert all(tried.count(each) == 1 for each in tried)
    assert {each["model.pooling"] for each in tried} <= {"mean", "max", "attention"}
    assert all(0.1 <= each["model.dropout"] <= 0.7 for each in tried)
    assert all(0.001 <= each["train.learning_rate"] <= 0.05 for each in tried)
    assert {each["model.ngram_rows"] for each in tried} <= {0, 1000}


def test_no_trial_begins_when_the_time_is_used(args, judged):
    args.custom_config["train"]["tune"] = "90s"
    judged.loss = lambda config: 1.0
    _, search, _ = _searched(args)
    assert (search["trials"], search["seconds"]) == (8, 96.0)
    assert search["texts"] == 42


def test_a_trial_that_is_clearly_worse_ends_after_a_fold(args, judged):
    judged.loss = lambda config: config["model"]["dropout"]
    _, search, tuner = _searched(args)
    # The first has three heads of 4 s each; most others, worse, have one.
    assert search["trials"] > 4
    for trial in tuner.oracle.trials.values():
        dropout = trial.hyperparameters.values["model.dropout"]
        assert trial.score == pytest.approx(dropout, abs=1e-3)


def test_the_given_options_are_tried_however_short_the_time_is(args, judged):
    args.custom_config["train"]["tune"] = "1s"
    values, search, _ = _searched(args)
    assert (values, search["trials"], search["options"]) == (_GIVEN, 1, {})


def test_the_best_options_are_compared_on_other_folds_and_other_seeds(args, judged):
    judged.loss = lambda config: config["model"]["embedding_dropout"] * -1
    values, search, _ = _searched(args)
    *trials, given, best = judged.asked
    assert all(np.array_equal(each[3], trials[0][3]) for each in trials)
    assert {each[4] for each in trials} == {1}
    assert np.array_equal(given[3], best[3]) and given[4] == best[4] == 2
    assert not np.array_equal(given[3], trials[0][3])
    assert _options(given) == _GIVEN
    assert _options(best) == values != _GIVEN
    assert search["is_better"] and search["compared_texts"] == 42
    assert search["loss_change"] == pytest.approx(-values["model.embedding_dropout"])
    assert search["options"] == {
        name: value for name, value in values.items() if value != _GIVEN[name]
    }


def test_options_that_were_only_lucky_are_not_taken(args, judged):
    def lucky(config):
        in_trials = judged.asked[-1][4] == 1
        return -config["model"]["embedding_dropout"] if in_trials else 0.0

    judged.loss = lucky
    values, search, _ = _searched(args)
    assert values == _GIVEN
    assert not search["is_better"] and search["options"] and search["compared_texts"]


def test_nothing_is_compared_where_the_given_options_are_the_best(args, judged):
    judged.loss = lambda config: (
        abs(config["model"]["dropout"] - 0.1)
        + abs(config["train"]["learning_rate"] - 0.05)
    )
    values, search, _ = _searched(args)
    assert (values, search["options"], search["compared_texts"]) == (_GIVEN, {}, 0)
    assert len(judged.asked) == search["trials"] > 3


def test_a_search_goes_on_after_an_error(args, judged, tmp_path):
    _stop_in(args, judged, 2)
    [kept] = (tmp_path / "resume").iterdir()
    _, search, _ = _searched(args)
    # A trial of 12 s was done: two more have time, the second first.
    options = [_options(each) for each in judged.asked]
    assert options[1] == options[2]
    assert options[0] == _GIVEN not in options[1:4]
    assert (search["trials"], search["seconds"]) == (3, 36.0)
    assert kept.exists(), "a run that is killed now would need it"
    assert _searched(args)[1]["trials"] == 3
    remove_search(tmp_path / "resume", search["folder"])
    assert not kept.exists()


@pytest.mark.parametrize("gone", ["oracle.json", "tuner0.json", "trial_*"])
def test_a_search_of_which_a_part_is_gone_begins_anew(args, judged, tmp_path, gone):
    """As a kill leaves it while its folder is removed."""
    _stop_in(args, judged, 3)
    for path in list((tmp_path / "resume").glob(f"*/{gone}")):
        remove(path)
    assert _searched(args)[1]["trials"] >= 1


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_search_in_a_copy_of_links_leaves_the_original_alone(
    args, judged, tmp_path, link
):
    _stop_in(args, judged, 3)
    (tmp_path / "resume").rename(tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", tmp_path / "resume", copy_function=link)
    before = _contents(tmp_path / "kept")
    _searched(args)
    assert _contents(tmp_path / "kept") == before != _contents(tmp_path / "resume")


def _contents(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*.json")}


def test_a_damaged_search_begins_anew(args, judged, tmp_path, caplog):
    _stop_in(args, judged, 2)
    [oracle] = (tmp_path / "resume").glob("*/oracle.json")
    oracle.write_text('{"ongoing')
    with caplog.at_level(logging.WARNING):
        _, search, _ = _searched(args)
    assert "begins anew" in caplog.text
    assert search["trials"] == 3


def _stop_in(args, judged, number):
    def loss(config):
        if len(judged.asked) == number:
            raise OSError("gone")
        return 1.0

    judged.loss = loss
    with pytest.raises(OSError, match="gone"):
        _searched(args)


def test_other_options_or_data_are_another_search(args, judged, tmp_path):
    for seed in (1, 2):
        args.custom_config["train"]["seed"] = seed
        judged.asked.clear()
        _stop_in(args, judged, 2)
    assert len(list((tmp_path / "resume").iterdir())) == 2


def test_options_with_which_a_head_does_not_learn_are_passed_over(args, judged):
    def no_loss(config):
        if config["model"]["pooling"] != "mean":
            raise NoLoss
        return config["model"]["dropout"]

    judged.loss = no_loss
    values, search, tuner = _searched(args)
    assert values["model.pooling"] == "mean"
    assert {trial.status for trial in tuner.oracle.trials.values()} == {
        "COMPLETED",
        "FAILED",
    }


def test_given_options_with_which_a_head_does_not_learn_are_named(args, judged):
    def no_loss(config):
        raise NoLoss

    judged.loss = no_loss
    with pytest.raises(ValueError, match=r"lower train\.learning_rate"):
        _searched(args)


def test_the_progress_is_told(args, judged):
    told = []
    with listening(lambda *each: told.append(each)):
        _searched(args)
    trials = [each for each in told if each[0] == "trials"]
    assert [each[1] for each in trials] == list(range(1, len(trials) + 1))
    assert trials[0][3] == "best loss 0.1000"


def test_only_the_splits_train_and_eval_are_read(args, judged, monkeypatch):
    read = []
    original = tuning.read_labelled_tokens

    def read_tokens(patterns, *others):
        read.append(patterns)
        return original(patterns, *others)

    monkeypatch.setattr(tuning, "read_labelled_tokens", read_tokens)
    args.custom_config["train"]["tune"] = "1s"
    _searched(args)
    [patterns] = read
    assert patterns == {"train": args.train_files, "eval": args.eval_files}
    assert not any(
        "test" in Path(path).parent.name
        for split in patterns.values()
        for path in split
    )


def test_large_data_is_sampled_and_the_comparison_reads_other_texts(
    args, judged, monkeypatch
):
    monkeypatch.setattr(trial_heads, "_MOST_TEXTS", 12)
    judged.loss = lambda config: -config["model"]["dropout"]
    _, search, tuner = _searched(args)
    trials, compared = judged.asked[0][2], judged.asked[-1][2]
    assert len(trials) == len(compared) == search["texts"] == 12
    assert not set(trials) & set(compared)
    assert len(tuner._heads._data.lengths) == 24


def test_the_gain_is_that_of_pairs():
    given = Judgement(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0, 1, 1]))
    best = Judgement(np.array([0.9, 1.9, 2.9, 3.7]), np.array([1.0, 0, 1, 1]))
    search = with_comparison(Search(2, 1.0, 4), given, best)
    assert search.loss_change == pytest.approx(-0.15)
    assert search.loss_error == pytest.approx(0.05)
    assert search.accuracy_change == pytest.approx(0.25)
    assert search.accuracy_error == pytest.approx(0.25)
    assert search.is_better
    worse = dataclasses.replace(best, right=np.array([0.0, 0, 0, 0]))
    assert not with_comparison(Search(2, 1.0, 4), given, worse).is_better
    assert not with_comparison(Search(2, 1.0, 4), given, given).is_better


def test_the_trainer_trains_with_the_options_found_and_keeps_what_came_of_it(
    args, judged, tmp_path
):
    judged.loss = lambda config: -config["model"]["embedding_dropout"]
    values, search, tuner = _searched(args)
    [best] = tuner.get_best_hyperparameters()
    args.hyperparameters = json.loads(json.dumps(best.get_config()))
    done = train(tmp_path, args)
    assert done.history["tuning"] == search
    head = done.classifier.head
    assert head.get_layer("embedding_dropout").rate == values["model.embedding_dropout"]
    pooling = values["model.pooling"]
    assert head.get_layer(f"{pooling}_pooling")


def test_without_a_search_the_trainer_keeps_none(trained):
    assert trained.history["tuning"] is None


def test_options_replace_those_of_their_section_alone():
    config = {"model": {"pooling": "mean", "dropout": 0.5}, "train": {"seed": 1}}
    assert with_options(config, {"model.dropout": 0.2}) == {
        "model": {"pooling": "mean", "dropout": 0.2},
        "train": {"seed": 1},
    }
    assert tuned(config, None) == (config, None)
    assert config["model"]["dropout"] == 0.5


def test_tfx_writes_what_was_found(args, judged, tmp_path, monkeypatch):
    made = {
        "best_hyperparameters": [standard_artifacts.HyperParameters()],
        "tuner_results": [standard_artifacts.TunerResults()],
    }
    for name, [artifact] in made.items():
        artifact.uri = str(tmp_path / name)
        (tmp_path / name).mkdir()
    from tfx.components.tuner import executor

    monkeypatch.setattr(
        executor.fn_args_utils, "get_common_fn_args", lambda *others: args
    )
    args.custom_config["train"]["tune"] = "1s"
    monkeypatch.setattr(Executor, "_get_tmp_dir", lambda self: "")
    with contextlib.redirect_stdout(None):
        Executor().Do(
            {}, made, {"tuner_fn": "pipeline.training.tuning.tuner_fn", "tune_args": ""}
        )
    best = json.loads(
        Path(tmp_path, "best_hyperparameters", "best_hyperparameters.txt").read_text()
    )
    results = json.loads(
        Path(tmp_path, "tuner_results", "tuner_results.json").read_text()
    )
    assert best["values"][SEARCH]["trials"] == len(results) > 0
    assert {"score", "trial_id", *_GIVEN} <= set(results[0])
