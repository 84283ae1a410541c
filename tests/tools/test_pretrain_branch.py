"""What the pre-trained branch is trained on, and a training of it on a few texts."""

from __future__ import annotations

import lzma
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.training.pretrained_branch import PRETRAINED_UNITS
from tools.pretrain_branch import Forbidden, main

APART = "The acting was awful, I tell you!\t0\nGood film.\t1\n"


@pytest.fixture
def apart(tmp_path):
    path = tmp_path / "apart.txt"
    path.write_text(APART)
    return path


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("Well. THE ACTING WAS awful - I tell you, friends", False),
        ("The acting was awful, I told you", True),
        ("A good film. I like it", True),  # of so few words that anyone says them
    ],
)
def test_a_review_with_a_sentence_set_apart_is_left_out(apart, text, allowed):
    forbidden = Forbidden([apart])
    assert forbidden.allows(text) == allowed
    assert forbidden.left_out == (not allowed)


def test_texts_apart_may_be_the_column_of_a_table(tmp_path):
    path = tmp_path / "apart.csv"
    path.write_text('label,text\nnegative,"Dull, and far too long"\n')
    forbidden = Forbidden([path])
    assert not forbidden.allows("It is dull, and far too long for me")
    assert forbidden.allows("negative: dull and far")


@pytest.mark.slow
def test_the_weights_are_those_of_a_hidden_layer_and_its_attention(apart, tmp_path):
    (tmp_path / "labelled").mkdir()
    (tmp_path / "corpora").mkdir()
    kinds = {0: "dull and awful", 1: "fine and lovely"}
    rows = [
        f"{number % 2}\t1\tid\t{'word ' * 50}<br />It was {kinds[number % 2]} {number}."
        for number in range(60)
    ]
    table = "\n".join(["label\trating\tid\ttext", *rows]) + "\n"
    with lzma.open(tmp_path / "labelled/imdb_train.tsv.xz", "wt") as file:
        file.write(table)
    with zipfile.ZipFile(tmp_path / "corpora/pros_cons.zip", "w") as archive:
        for kind, words in (("Pros", kinds[1]), ("Cons", kinds[0])):
            lines = [f"<{kind}>{words} &amp; {n}</{kind}>" for n in range(20)]
            archive.writestr(f"pros_cons/Integrated{kind}.txt", "\n".join(lines))
    arguments = ["--apart", apart, "--work", tmp_path / "w", "--output", tmp_path / "b"]
    result = CliRunner().invoke(main, [str(tmp_path), *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert (
        "160 texts, 50.0% of them praise; 0 reviews, pros and cons left out"
        in result.output
    )
    with np.load(tmp_path / "b.npz") as arrays:
        shapes = {name: (arrays[name].shape, arrays[name].dtype) for name in arrays}
    units = PRETRAINED_UNITS
    assert shapes == {
        "kernel": ((512, units), np.float16),
        "bias": ((units,), np.float16),
        "query": ((units, 1), np.float16),
    }
