from __future__ import annotations

import pytest

from benchmarks.markdown import table
from benchmarks.senses.curve import millions, read_curve
from benchmarks.session import BenchmarkError

_CARD = """# A biLM

## Texts

| tokens | both | held out |
| --- | --- | --- |
| 1.00 M | 9.0 | 1 |

## Held-out perplexity

Some words.

| steps | tokens | both | held out |
| --- | --- | --- | --- |
| 2,094 | 85.77 M | 117.3 | 40,960 |
| 4,173 | 170.93 M | 65.0 | 409,600 |

## Later

| steps | tokens | both | held out |
| --- | --- | --- | --- |
| 9 | 9.00 M | 9.0 | 9 |
"""


def test_the_table_of_its_section_alone_is_read():
    assert read_curve(_CARD) == [
        {"steps": "2,094", "tokens": "85.77 M", "both": "117.3", "held out": "40,960"},
        {"steps": "4,173", "tokens": "170.93 M", "both": "65.0", "held out": "409,600"},
    ]


def test_a_number_of_millions_is_read():
    assert millions("170.93 M") == 170.93


@pytest.mark.parametrize(
    "card",
    [
        _CARD.replace("Held-out perplexity", "Perplexity"),
        _CARD.replace("| both |", "| mean |"),
        _CARD.partition("| 2,094")[0],
    ],
    ids=["no section", "no column", "no rows"],
)
def test_a_card_without_the_table_is_refused(card):
    with pytest.raises(BenchmarkError, match="The card must hold a table"):
        read_curve(card)


def test_the_page_tells_the_curve_of_the_model_that_is_embedded(repository):
    card = (repository / "keras_elmo" / "pretrained" / "README.md").read_text("utf-8")
    page = (repository / "docs" / "embedded_elmo.md").read_text("utf-8")
    curve = read_curve(card)
    wanted = table(list(curve[0]), [list(row.values()) for row in curve])
    command = "python -m benchmarks senses --write docs/embedded_elmo.md"
    assert wanted in page, f"run {command}"
