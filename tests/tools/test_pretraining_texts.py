"""The texts that the embedded model is trained on, from small archives."""

from __future__ import annotations

import lzma
import zipfile

import pytest
from click.testing import CliRunner

from tools.pretraining_texts import main, runs

MEASURED = "a film so dull that even its own director fell asleep in it twice"


@pytest.fixture
def corpora(tmp_path):
    folder = tmp_path / "corpora"
    folder.mkdir()
    for name in ("imdb_unsup", "eltec_eng", "english_novels_100"):
        text = f"\ufeffThe {name} text.\n\nIts second line.\n"
        (folder / f"{name}.txt.xz").write_bytes(lzma.compress(text.encode()))
    archives = {
        "movie_reviews": {
            "movie_reviews/neg/a.txt": "dull .\n" + MEASURED.upper() + " !\n",
            "movie_reviews/README": "about it",
        },
        "pros_cons": {
            "pros_cons/IntegratedPros.txt": "  <Pros>cheap</Pros>\n",
            "pros_cons/README.txt": "about it",
        },
        "inaugural": {
            "inaugural/1789-X.txt": "Fellow citizens: na\xefve.\n".encode("latin-1")
        },
        "state_union": {"state_union/1945-X.txt": "Mr. Speaker.\n"},
    }
    for name, files in archives.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    return folder


def run(corpora, *options):
    output = corpora.parent / "texts"
    arguments = [str(corpora), "--output", str(output), *map(str, options)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return {p.name: p.read_text("utf-8") for p in output.iterdir()}, result.output


def test_every_archive_becomes_a_text_without_its_readme(corpora):
    texts, output = run(corpora)
    assert texts == {
        "1_imdb.txt": "The imdb_unsup text.\nIts second line.\n",
        "2_movie_reviews.txt": f"dull .\n{MEASURED.upper()} !\n",
        "3_pros_cons.txt": "cheap\n",
        "4_inaugural.txt": "Fellow citizens: naïve.\n",
        "4_state_union.txt": "Mr. Speaker.\n",
        "5_eltec.txt": "The eltec_eng text.\nIts second line.\n",
        "6_novels.txt": "The english_novels_100 text.\nIts second line.\n",
    }
    assert "2_movie_reviews.txt: 2 lines, 0 more left out" in output


def test_a_line_with_ten_words_of_a_measured_text_is_left_out(corpora):
    (corpora.parent / "measured.txt").write_text(f"{MEASURED}\n")
    texts, output = run(corpora, "--apart", corpora.parent / "measured.txt")
    assert texts["2_movie_reviews.txt"] == "dull .\n"
    assert "2_movie_reviews.txt: 1 lines, 1 more left out" in output


def test_missing_archives_are_named(corpora):
    (corpora / "inaugural.zip").unlink()
    result = CliRunner().invoke(main, [str(corpora), "--output", "unused"])
    assert result.exit_code == 2
    assert "lacks inaugural.zip" in result.output


def test_nine_words_in_common_are_no_run_but_ten_are():
    words = MEASURED.split()
    shared = set(runs(MEASURED))
    assert shared.isdisjoint(runs(" ".join([*words[:9], "and", *words[:9]])))
    assert not shared.isdisjoint(runs("and " + ", ".join(words[1:11]).upper()))
