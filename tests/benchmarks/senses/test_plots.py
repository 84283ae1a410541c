from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.senses.curve import curve_plot
from benchmarks.senses.measuring import Occurrences
from benchmarks.senses.senses_plot import senses_plot
from benchmarks.senses.sentences import Sense
from benchmarks.senses.svg import joined, labels

_SVG = "{http://www.w3.org/2000/svg}"
_CURVE = [
    {"tokens": "10.00 M", "both": "90.0", "held out": "40"},
    {"tokens": "20.00 M", "both": "80.0", "held out": "40"},
    {"tokens": "21.00 M", "both": "60.0", "held out": "400"},
]


@pytest.fixture(scope="module")
def plot():
    senses = [
        Sense("cast", "actors & <others>", ['a "cast" <b>', "the cast"]),
        Sense("cast", "threw", ["he cast", "they cast", "we cast"]),
    ]
    vectors = np.random.default_rng(2).normal(size=(2, 5, 7))
    vectors[0] = vectors[0, 0]  # the first layer knows no context
    found = Occurrences(np.array([0, 0, 1, 1, 1]), vectors, vectors[1])
    drawn = senses_plot({"cast": senses}, {"cast": found}, ("token layer", "LSTM"))
    return ElementTree.fromstring(drawn)


def _words(element: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in element.iter(f"{_SVG}text")]


def test_each_sentence_has_a_mark_of_its_sense_in_each_layer(plot):
    tips = [
        [title.text for mark in plot.iter(f"{_SVG}{tag}") for title in mark]
        for tag in ("circle", "rect")
    ]
    assert tips[0] == ['a "cast" <b>', "the cast"] * 2
    assert tips[1] == ["he cast", "they cast", "we cast"] * 2


def test_points_in_one_place_share_a_label_and_others_have_their_own(plot):
    words = _words(plot)
    assert words.count("1–5") == 1
    assert [word for word in words if word in "12345"] == list("12345")
    assert "token layer; all in one place" in words


def test_the_legend_names_the_senses_and_their_numbers(plot):
    words = _words(plot)
    assert "actors & <others> (1–2)" in words and "threw (3–5)" in words


def test_the_plots_say_what_they_are_and_have_colours_for_a_dark_page(plot):
    for drawn in (plot, ElementTree.fromstring(curve_plot(_CURVE))):
        assert drawn[0].tag == f"{_SVG}title" and drawn[0].text
        assert drawn[1].tag == f"{_SVG}desc" and drawn[1].text
        assert "prefers-color-scheme: dark" in (drawn[2].text or "")


def test_all_marks_lie_on_the_page(plot):
    width, height = float(plot.get("width", 0)), float(plot.get("height", 0))
    for mark in plot.iter(f"{_SVG}circle"):
        assert 0 < float(mark.get("cx", -1)) < width
        assert 0 < float(mark.get("cy", -1)) < height


def test_the_curve_joins_only_what_was_taken_on_the_same_text():
    drawn = ElementTree.fromstring(curve_plot(_CURVE))
    (line,) = drawn.iter(f"{_SVG}polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points", "").split()]
    assert len(points) == 2
    assert points[1][0] > points[0][0]
    assert points[1][1] > points[0][1], "a lower perplexity lies lower"


def test_labels_of_points_side_by_side_do_not_lie_on_one_another():
    drawn = labels(np.array([[50.0, 50.0], [53.0, 50.0]]))
    places = [re.findall(r'[xy]="([\d.]+)"', label) for label in drawn]
    (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in places)
    assert abs(x1 - x2) > 5 or abs(y1 - y2) > 8


def test_numbers_are_joined():
    assert [joined(n) for n in ([4], [4, 5], [1, 2, 3], [1, 3, 4])] == [
        "4",
        "4, 5",
        "1–3",
        "1, 3, 4",
    ]
