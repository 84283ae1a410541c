"""In which numbers training texts are encoded, and that the choice is kept."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from pipeline.precision import AUTO, BFLOAT16, FLOAT32
from pipeline.training import encoding
from pipeline.training.data import LabelledTokens
from pipeline.training.encoding import open_store
from pipeline.training.model import build_encoder

WORDS = np.array([b"", b"A", b"fine", b"film", b"."], object)
TEXTS = [[1, 2, 3, 4], [2], [3, 4], []]


@pytest.fixture(scope="module")
def encoder(small_elmo):
    return build_encoder({"source": str(small_elmo)})


@pytest.fixture
def open_it(encoder, tmp_path):
    data = LabelledTokens(
        words=WORDS,
        word_ids=np.concatenate([*TEXTS, []]).astype("int32"),
        starts=np.cumsum([0, *map(len, TEXTS)]),
        labels=np.zeros(len(TEXTS), np.int32),
        splits={},
    )

    def made(precision):
        store = open_store(
            tmp_path, data, encoder, elmo_version="1", cache_gib=1, precision=precision
        )
        return store.read(np.arange(len(TEXTS))), store.facts

    return made


@pytest.fixture
def measured(monkeypatch):
    """Makes measuring possible, and says how long a batch takes in each precision."""
    seconds = {FLOAT32: 2.0, BFLOAT16: 1.0}
    asked = []

    def measure(encoder, tokens):
        asked.append(tokens)
        return dict(seconds)

    monkeypatch.setattr(encoding, "_LEAST_TOKENS", 1)
    monkeypatch.setattr(encoding, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(encoding, "_seconds", measure)
    return seconds, asked


def test_bfloat16_gives_nearly_the_same_vectors_and_has_a_folder_of_its_own(
    open_it, tmp_path
):
    exact, _ = open_it(FLOAT32)
    near, facts = open_it(BFLOAT16)
    assert (near.dtype, facts.precision) == (np.float32, BFLOAT16)
    assert facts.encoded_examples == len(TEXTS)
    assert len(list(tmp_path.iterdir())) == 2
    products = (exact * near).sum(axis=-1)
    norms = np.linalg.norm(exact, axis=-1) * np.linalg.norm(near, axis=-1)
    is_token = norms > 0
    assert is_token.any(axis=1).sum() == 7
    # Both are rounded to four bits.
    assert (products[is_token] / norms[is_token]).min() > 0.95


def test_the_faster_one_is_taken_and_measured_once(open_it, measured, tmp_path):
    seconds, asked = measured
    _, facts = open_it(AUTO)
    assert (facts.precision, len(asked)) == (BFLOAT16, 1)
    seconds[BFLOAT16] = 9.0
    _, facts = open_it(AUTO)
    assert (facts.precision, len(asked)) == (BFLOAT16, 1)
    assert facts.encoded_examples == 0
    [(machine, known)] = json.loads((tmp_path / "precision.json").read_text()).items()
    assert "tensorflow" in machine
    assert known == {FLOAT32: 2.0, BFLOAT16: 1.0}


def test_both_are_measured_in_turn_once_their_graphs_are_there(encoder, monkeypatch):
    calls = []

    def encode_by(layer):
        policy = layer.get_config()["dtype"]["config"]
        return lambda tokens: calls.append(policy["name"])

    monkeypatch.setattr(encoding, "encode_by", encode_by)
    times = iter([0, 5, 5, 7, 10, 11, 11, 14, 20, 24, 24, 27.0])
    monkeypatch.setattr(encoding.time, "perf_counter", lambda: next(times))
    encoders = encoding._Encoders(encoder)
    seconds = encoding._seconds(encoders, np.array([[b"A"]], object))
    assert calls == [FLOAT32, BFLOAT16] * 4
    encoders.function(BFLOAT16)(None)  # the same one: its graph is there already
    assert calls[-1] == BFLOAT16 and len(encoders._functions) == 2
    assert seconds == {FLOAT32: 1, BFLOAT16: 2}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("_seconds", tf.errors.ResourceExhaustedError(None, None, "no room")),
        ("write_whole", OSError(28, "No space left on device")),
    ],
)
def test_a_training_goes_on_where_nothing_can_be_measured_or_kept(
    open_it, measured, monkeypatch, caplog, name, error
):
    def fail(*_):
        raise error

    monkeypatch.setattr(encoding, name, fail)
    caplog.set_level(logging.WARNING)
    vectors, facts = open_it(AUTO)
    assert (facts.precision, len(vectors)) == (FLOAT32, len(TEXTS))
    assert "was not measured: " in caplog.text


def test_a_small_gain_is_not_worth_it(open_it, measured):
    measured[0][BFLOAT16] = 1.9
    assert open_it(AUTO)[1].precision == FLOAT32


def test_another_machine_measures_for_itself(open_it, measured, monkeypatch, tmp_path):
    open_it(AUTO)
    monkeypatch.setattr(encoding, "machine", lambda: "another")
    measured[0][BFLOAT16] = 9.0
    assert open_it(AUTO)[1].precision == FLOAT32
    assert len(json.loads((tmp_path / "precision.json").read_text())) == 2


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": 1}', '{"a": {"float32": "x"}}', "\0", "[" * 200_000]
    + ['{"a": {"float32": 1%s, "bfloat16": 1}}' % ("0" * 400)],
)
def test_a_damaged_file_is_said_and_made_anew(
    open_it, measured, tmp_path, caplog, text
):
    (tmp_path / "precision.json").write_text(text)
    caplog.set_level(logging.WARNING)
    assert open_it(AUTO)[1].precision == BFLOAT16
    assert "precision.json is damaged" in caplog.text
    assert len(json.loads((tmp_path / "precision.json").read_text())) == 1


@pytest.mark.parametrize(("tokens", "has_it"), [(10**9, True), (1, False)])
def test_with_few_texts_or_without_the_instruction_nothing_is_measured(
    open_it, measured, monkeypatch, tmp_path, tokens, has_it
):
    monkeypatch.setattr(encoding, "_LEAST_TOKENS", tokens)
    monkeypatch.setattr(encoding, "_has_bfloat16", lambda: has_it)
    assert open_it(AUTO)[1].precision == FLOAT32
    assert not measured[1] and not (tmp_path / "precision.json").exists()
