from __future__ import annotations

import pytest

from benchmarks.elmo.shapes import SHAPES, multiply_adds

TINY = {
    "lstm": {"dim": 5, "projection_dim": 3, "n_layers": 1},
    "char_cnn": {
        "embedding": {"dim": 2},
        "filters": [[1, 4], [2, 1]],
        "n_highway": 1,
        "max_characters_per_token": 50,
    },
}
LSTM = 2 * ((3 + 3) * 4 * 5 + 5 * 3)  # both directions
AFTER_CNN = 2 * 5 * 5 + 5 * 3  # the highway's two matrices, the projection


def _cnn(chars):
    return chars * 1 * 2 * 4 + (chars - 1) * 2 * 2 * 1


def test_a_sentence_costs_a_step_per_token_and_mark_and_a_row_per_word_and_mark():
    # 2 letters, 2 word marks and a window of 2 for the widest filter: 6 characters
    expected = (3 + 2) * LSTM + (3 + 2) * (_cnn(6) + AFTER_CNN)
    assert multiply_adds(TINY, [["a", "b", "cd"]]) == expected


def test_a_word_that_comes_again_is_not_encoded_again():
    once = multiply_adds(TINY, [["a", "b"]])
    assert multiply_adds(TINY, [["a", "b", "a"]]) == once + LSTM


def test_letters_are_counted_as_bytes_up_to_what_the_model_reads():
    assert multiply_adds(TINY, [["é"]]) == multiply_adds(TINY, [["ee"]])
    assert multiply_adds(TINY, [["e" * 48]]) == multiply_adds(TINY, [["e" * 90]])


@pytest.mark.parametrize(
    ("shape", "millions"), [("small", 4.7), ("original", 75.5)], ids=str
)
def test_a_step_of_the_published_models_costs_what_their_sizes_say(shape, millions):
    options = SHAPES[shape]
    step = multiply_adds(options, [["a", "a"]]) - multiply_adds(options, [["a"]])
    assert round(step / 1e6, 1) == millions
