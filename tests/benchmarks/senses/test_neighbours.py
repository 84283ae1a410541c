from __future__ import annotations

import numpy as np
import pytest

from benchmarks.senses.neighbours import centred, make_pool, nearest, sense_accuracy
from benchmarks.senses.report import excerpt
from benchmarks.senses.senses_plot import principal_plane

_EAST, _NORTH, _WEST = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
_NEAR_EAST, _SOUTH = (3.0, 0.3), (0.0, -1.0)


@pytest.fixture(scope="module")
def pool():
    sentences = [["Cast", "east"], ["a", "cast"], ["south", "west", "CAST"]]
    vectors = [
        np.array([_EAST, _EAST]),
        np.array([_NEAR_EAST, _NORTH]),
        np.array([_SOUTH, _WEST, _WEST]),
    ]
    # The mean is taken away: further rows make it zero.
    balance = -np.concatenate(vectors)
    return make_pool([*sentences, ["-"] * 7], [*vectors, balance])


def test_the_same_word_is_found_in_any_case_and_not_in_its_own_sentence(pool):
    found = nearest(pool, 0, 0, 5, same_word=True)
    assert [token for token, _ in found] == [3, 6]
    assert [cosine for _, cosine in found] == pytest.approx([0.0, -1.0])


def test_other_words_are_ordered_by_direction_and_not_by_length(pool):
    (first, cosine), *_ = nearest(pool, 0, 0, 1, same_word=False)
    negative_west = 7 + 5  # of the balance, straight to the east
    assert (first, cosine) == (negative_west, pytest.approx(1.0))
    words = [
        pool.sentences[row][at]
        for row, at in pool.places[
            [t for t, _ in nearest(pool, 0, 0, 9, same_word=False)]
        ]
    ]
    assert "a" in words and "east" not in words and "cast" not in words


def test_an_excerpt_marks_the_token_and_escapes_what_markdown_would_read(pool):
    assert excerpt(pool, 6) == "south west **CAST**"
    long = make_pool([["*"] + ["x"] * 20], [np.eye(21)])
    assert excerpt(long, 0) == "**\\*** x x x x …"
    assert excerpt(long, 10) == "… x x x x x **x** x x x x …"


def test_what_all_vectors_share_is_taken_away():
    far = 100.0
    moved = centred(np.array([[far + 1, far], [far - 1, far]]))
    assert moved == pytest.approx(np.array([[1.0, 0.0], [-1.0, 0.0]]))


def test_two_clusters_give_all_and_mixed_pairs_give_none():
    vectors = np.array([[5, 1], [5, 2], [-5, 1], [-5, 2]], float)
    assert sense_accuracy(vectors, np.array([0, 0, 1, 1])) == 1.0
    assert sense_accuracy(vectors, np.array([0, 1, 0, 1])) == 0.0


def test_a_vector_among_those_of_the_other_sense_costs_it_and_its_neighbours():
    vectors = np.array([[5, 1], [5, 1.1], [5, 1.2], [-5, 1], [-5, 1.1], [-5, 1.2]])
    # The last of the first sense lies between two of the second.
    vectors = np.concatenate([vectors, [[-5, 1.05]]])
    accuracy = sense_accuracy(vectors, np.array([0, 0, 0, 1, 1, 1, 0]))
    assert accuracy == pytest.approx(4 / 7)


def test_vectors_that_are_all_the_same_get_what_guessing_gets():
    same = np.tile(np.float32([0.1, 0.7, 0.3]), (20, 1))
    accuracy = sense_accuracy(same, np.repeat([0, 1], 10))
    assert accuracy == pytest.approx(9 / 19)
    flat, shares = principal_plane(same)
    assert not flat.any() and not shares.any()


def test_the_plane_keeps_the_distances_of_flat_points():
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=(8, 2)) * (3, 1)
    basis, _ = np.linalg.qr(rng.normal(size=(5, 2)))
    flat, shares = principal_plane(drawn @ basis.T + 7)
    assert shares.sum() == pytest.approx(1.0) and shares[0] > shares[1]
    for one, other in ((0, 1), (2, 5), (3, 7)):
        distance = np.linalg.norm(drawn[one] - drawn[other])
        assert np.linalg.norm(flat[one] - flat[other]) == pytest.approx(distance)
    assert (flat[0] <= 0).all()
