"""The report in Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np

from benchmarks.markdown import table
from benchmarks.senses.curve import HELD_OUT
from benchmarks.senses.measuring import SEEDS, Accuracies, Measured
from benchmarks.senses.neighbours import Pool, nearest
from benchmarks.senses.senses_plot import numbers_of
from benchmarks.senses.sentences import Sense, place_of, split

_NEAREST, _BEFORE, _AFTER = 5, 5, 4


def markdown(
    curve: list[dict[str, str]],
    words: dict[str, list[Sense]],
    measured: Measured,
    layer_names: Sequence[str],
    plots: tuple[str, str],
) -> str:
    """Returns the page without its title.

    Args:
        curve: Rows of the card's table.
        words: The senses of each word.
        measured: What was found.
        layer_names: As the plot has them.
        plots: File names of the learning curve and of the senses.
    """
    parts = [
        _curve(curve, plots[0]),
        _senses(words, measured.accuracies, layer_names, plots[1]),
        _neighbours(words, measured.pool),
        _sentences(words),
    ]
    return "\n\n".join(parts) + "\n"


def _curve(curve: list[dict[str, str]], plot: str) -> str:
    early, last = curve[0][HELD_OUT], curve[-1][HELD_OUT]
    parts = [
        "## Held-out perplexity",
        _filled(
            "Among how many words, in effect, the model hesitates when it guesses the "
            "next one, on text that it was not trained on. The figures are those of "
            "its card, "
            "[keras_elmo/pretrained/README.md](../keras_elmo/pretrained/README.md)."
        ),
    ]
    if early != last:
        parts.append(
            _filled(
                f"The last row is no leap. The rows before it were taken on {early} "
                "tokens, in short rows that each begin without context, and are higher "
                "for that. The last was taken on the whole held-out text (in whole "
                f"batches, {last} tokens), where the same readers read on, with what "
                "they have read before in mind."
            )
        )
    parts.append(table(list(curve[0]), [list(row.values()) for row in curve]))
    parts.append(f"![Perplexity over tokens seen]({plot})")
    return "\n\n".join(parts)


def _senses(
    words: dict[str, list[Sense]],
    accuracies: dict[str, Accuracies],
    layer_names: Sequence[str],
    plot: str,
) -> str:
    total = sum(len(sense.texts) for senses in words.values() for sense in senses)
    untrained = [f"{name}, random weights" for name in layer_names[1:]]
    head = ["word", *layer_names, "mean of the sentence's token vectors", *untrained]
    found = list(accuracies.values())
    mean = Accuracies(
        layers=np.mean([one.layers for one in found], axis=0),
        means=float(np.mean([one.means for one in found])),
        untrained=np.mean([one.untrained for one in found], axis=0),
    )
    rows = [_row(word, one) for word, one in {**accuracies, "mean": mean}.items()]
    parts = [
        "## One word, two senses",
        _filled(
            f"Each of {_listed(words)} stands in ten sentences of one sense and ten of "
            "another. All were written for this page, before the model was run on "
            "them; every word and every sentence that was tried is here."
        ),
        _filled(
            "Each panel shows the vectors of the word in one layer, in the two "
            "directions in which they differ most (their principal components). "
            "Numbers are those of the sentences, which stand at the end of the page."
        ),
        f"![Vectors of words in two senses]({plot})",
        _filled(
            "How often the nearest of the other nineteen vectors, by the cosine after "
            "their mean was taken away, has the same sense:"
        ),
        table(head, rows),
        _filled(
            "The token layer reads the letters of the word and nothing else, so its "
            "vectors are all the same; ties count in part, which gives what guessing "
            "gives. The mean of the token vectors knows the words of the sentence, but "
            f"not their order. `random weights` is the mean of {SEEDS} biLMs of the "
            "same shape as they are before training, with the lowest and the highest. "
            f"One sentence is 5 points in a word's row, and there are {total} of them: "
            "small differences mean nothing."
        ),
    ]
    return "\n\n".join(parts)


def _neighbours(words: dict[str, list[Sense]], pool: Pool) -> str:
    parts = [
        "## Nearest neighbours",
        _filled(
            f"The nearest of {len(pool.places):,} tokens in {len(pool.sentences):,} "
            "texts: the first of the sample data (film reviews; `make data` fetches "
            "them), the sentences of this page, and others "
            "[written for it](../benchmarks/senses/sentences.txt), on throwing, lamps, "
            "weights, fields and paintings among other things, for film reviews say "
            "little of these. Nearest is by the cosine in the upper LSTM layer, after "
            "the mean over all tokens was taken away; the sentence itself is left out. "
            "The first sentence of each sense is shown, whatever came of it."
        ),
    ]
    for senses in words.values():
        parts += [_table_of_neighbours(sense, pool) for sense in senses]
    return "\n\n".join(parts)


def _table_of_neighbours(sense: Sense, pool: Pool) -> str:
    tokens = split(sense.texts[:1])[0]
    sentence, place = pool.sentences.index(tokens), place_of(sense.word, tokens)
    columns = [
        [
            (f"{cosine:.2f}", excerpt(pool, token))
            for token, cosine in nearest(
                pool, sentence, place, _NEAREST, same_word=same_word
            )
        ]
        for same_word in (True, False)
    ]
    rows = [[*same, *other] for same, other in zip(*columns, strict=True)]
    head = ("cosine", f"`{sense.word}` elsewhere", "cosine", "other words")
    return (
        f"### {sense.word}: {sense.name}\n\n"
        f"> {' '.join(_marked(tokens, place))}\n\n{table(head, rows)}"
    )


def _sentences(words: dict[str, list[Sense]]) -> str:
    parts = ["## The sentences"]
    for word, senses in words.items():
        for sense, span in zip(senses, numbers_of(senses), strict=True):
            first = int(span.partition("–")[0])
            lines = [f"{n}. {text}" for n, text in enumerate(sense.texts, first)]
            parts.append(f"{word}: {sense.name}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def excerpt(pool: Pool, token: int) -> str:
    """Returns a token of the pool, in bold, with some tokens on either side."""
    sentence, place = pool.places[token]
    start = max(0, place - _BEFORE)
    end = place + 1 + _AFTER
    tokens = pool.sentences[sentence]
    words = _marked(tokens[start:end], place - start)
    return " ".join(["…"] * (start > 0) + words + ["…"] * (end < len(tokens)))


def _marked(tokens: list[str], place: int) -> list[str]:
    words = [re.sub(r"([\\`*_<>\[\]$~&])", r"\\\1", token) for token in tokens]
    words[place] = f"**{words[place]}**"
    return words


def _row(word: str, found: Accuracies) -> list[str]:
    trained = [*found.layers, found.means]
    untrained = [
        f"{seeds.mean():.0%} ({seeds.min():.0%} to {seeds.max():.0%})"
        for seeds in found.untrained.T[1:]  # the token layer tells nothing here either
    ]
    return [word, *(f"{share:.0%}" for share in trained), *untrained]


def _filled(words: str) -> str:
    return textwrap.fill(words, 88, break_long_words=False, break_on_hyphens=False)


def _listed(words: dict[str, list[Sense]]) -> str:
    *most, last = (f"`{word}`" for word in words)
    return f"{', '.join(most)} and {last}"
