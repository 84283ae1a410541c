"""The biLM against the plain reference, in every shape the family has."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_elmo import BiLM, BiLMOptions
from keras_elmo.bilm import reorder_time, reversal_indices, wrap_sentences
from keras_elmo.characters import spell_tokens
from keras_elmo.checkpoints import load_hdf5
from tests.keras_elmo.reference import ReferenceBiLM
from tests.keras_elmo.tiny import TINY, write_model

SENTENCES = [["The", "café", "is", "unbelievablylong"], [], ["No", "."]]
SHAPES = {
    "plain": {},
    "no highway": {"n_highway": 0},
    "two highways": {"n_highway": 2},
    "tanh": {"activation": "tanh"},
    "no clipping": {"cell_clip": None, "proj_clip": None},
    "tight clipping": {"cell_clip": 0.05, "proj_clip": 0.02},
    "no skip": {"use_skip_connections": False},
    "no projection": {"cell_dim": 5},
    "no token projection": {"projection_dim": 12, "cell_dim": 7},
    "one layer": {"n_layers": 1},
    "three layers": {"n_layers": 3},
}


def spell_batch(sentences, max_chars):
    longest = max(map(len, sentences))
    ids = np.zeros((len(sentences), longest, max_chars), np.int32)
    for row, tokens in enumerate(sentences):
        ids[row, : len(tokens)] = spell_tokens(tokens, max_chars)
    return ids


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_every_layer_equals_the_plain_reference(tmp_path, changes):
    folder = write_model(tmp_path, **changes)
    paths = (folder / "options.json", folder / "weights.hdf5")
    bilm = BiLM(BiLMOptions.from_file(paths[0]))
    load_hdf5(bilm, paths[1])
    got = np.array(bilm(spell_batch(SENTENCES, bilm.options.max_chars)))
    reference = ReferenceBiLM(*paths)
    for row, tokens in enumerate(SENTENCES):
        expected, _ = reference.layers(tokens)
        np.testing.assert_allclose(got[row, :, : len(tokens)], expected, atol=1e-5)
        assert not got[row, :, len(tokens) :].any()


def test_the_sentence_marks_stand_around_each_rows_tokens():
    ids = np.array([[[5, 5], [6, 6]], [[7, 7], [0, 0]]], np.int32)
    wrapped = np.array(wrap_sentences(ids, np.array([2, 1]), max_chars=4))
    assert wrapped[:, :, 1].tolist() == [[257, 5, 6, 258], [257, 7, 258, 0]]


def test_reversal_turns_round_each_rows_own_length_and_nothing_after():
    indices = np.array(reversal_indices(np.array([3, 0, 2]), 4))
    assert indices.tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [1, 0, 2, 3]]
    x = np.arange(24).reshape(3, 4, 2)
    turned = np.array(reorder_time(x, indices))
    assert turned[0].tolist() == [[4, 5], [2, 3], [0, 1], [6, 7]]
    assert turned[1].tolist() == x[1].tolist()


def test_a_rebuilt_bilm_trains_as_the_one_it_is_a_copy_of(tmp_path):
    options = BiLMOptions.from_file(write_model(tmp_path) / "options.json")
    bilm = BiLM(options, dropout=0.25, unroll=True)
    bilm.parts["token_encoder"].trainable = False
    bilm.parts["backward_lstm_1"].trainable = False
    inputs = keras.Input((4, options.max_chars), dtype="int32")
    model = keras.Model(inputs, bilm(inputs))
    path = tmp_path / "model.keras"
    model.save(path)
    for other in (keras.models.clone_model(model), keras.models.load_model(path)):
        copy = other.layers[1]
        assert copy.forward_lstm.dropout.rate == 0.25
        assert copy.forward_lstm.layers[0].rnn.unroll is True
        assert [v.path for v in other.trainable_variables] == [
            v.path for v in model.trainable_variables
        ]


def test_a_bilm_that_is_made_frozen_learns_nothing_nor_does_its_copy(tmp_path):
    options = BiLMOptions.from_file(write_model(tmp_path) / "options.json")
    bilm = BiLM(options, trainable=False)
    for each in (bilm, BiLM.from_config(bilm.get_config())):
        assert not any(variable.trainable for variable in each.variables)
    with pytest.raises(ValueError, match="`frozen` must be one of token_encoder, for"):
        BiLM(options, frozen=["mix"])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.ones((2, 7), np.int32), r"\(batch, time, 10\).*shape=\(2, 7\)"),
        (np.ones((2, 3, 50), np.int32), r"\(batch, time, 10\).*shape=\(2, 3, 50\)"),
        (np.ones((2, 3, 10), np.float32), "must be integers.*float32"),
    ],
)
def test_ids_of_another_form_are_refused_in_one_line(ids, message):
    bilm = BiLM(BiLMOptions(**{**TINY, "max_chars": 10}))
    with pytest.raises(ValueError, match=message):
        bilm(ids)
