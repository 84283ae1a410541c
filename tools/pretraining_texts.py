r"""The texts that the embedded ELMo is trained on, without what quality is measured on.

Example:
  python -m tools.pretraining_texts CORPORA --apart mr/rt-polarity.pos \
      --apart mr/rt-polarity.neg --apart data/sample/movie_reviews.csv --output texts/
"""

from __future__ import annotations

import lzma
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

_RUN = 10  # words in a row that a line may not share with a text set apart
_ARCHIVES = (
    *("imdb_unsup.txt.xz", "eltec_eng.txt.xz", "english_novels_100.txt.xz"),
    *("movie_reviews.zip", "pros_cons.zip", "inaugural.zip", "state_union.zip"),
)
_WORD = re.compile(r"[^\W_]+")
_TAG = re.compile(r"</?(?:Pros|Cons)>")


@click.command(epilog="\b\n" + (__doc__ or "").partition("\n\n")[2])
@click.argument(
    "corpora", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "--apart",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose text quality is measured on; may be repeated.",
)
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path)
)
def main(corpora: Path, apart: tuple[Path, ...], output: Path) -> None:
    """Write the archives of the folder CORPORA as text files, a paragraph a line.

    CORPORA holds imdb_unsup.txt.xz (the unlabelled reviews of Maas et al. 2011, one a
    line), eltec_eng.txt.xz and english_novels_100.txt.xz (novels, a paragraph a line),
    and of the NLTK collection movie_reviews.zip, pros_cons.zip, inaugural.zip and
    state_union.zip.

    Lines that have ten words in a row in common with a text set apart are left out.
    """
    missing = [name for name in _ARCHIVES if not (corpora / name).exists()]
    if missing:
        raise click.UsageError(f"{corpora} lacks {', '.join(missing)}")
    forbidden = frozenset(
        run
        for path in apart
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        for run in runs(line)
    )
    output.mkdir(parents=True, exist_ok=True)
    for name, lines in texts(corpora):
        kept = dropped = 0
        with open(output / name, "w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                if forbidden.isdisjoint(runs(line)):
                    file.write(line + "\n")
                    kept += 1
                else:
                    dropped += 1
        click.echo(f"{name}: {kept:,} lines, {dropped:,} more left out")


def texts(corpora: Path) -> Iterator[tuple[str, Iterable[str]]]:
    """Yields the name and the lines of each text, film reviews first."""
    yield "1_imdb.txt", _xz_lines(corpora / "imdb_unsup.txt.xz")
    yield "2_movie_reviews.txt", _zip_lines(corpora / "movie_reviews.zip", "*/*/*.txt")
    yield (
        "3_pros_cons.txt",
        (
            _TAG.sub("", line).strip()
            for line in _zip_lines(corpora / "pros_cons.zip", "*/Integrated*.txt")
        ),
    )
    for name in ("inaugural", "state_union"):
        yield f"4_{name}.txt", _zip_lines(corpora / f"{name}.zip", "*/*.txt")
    yield "5_eltec.txt", _xz_lines(corpora / "eltec_eng.txt.xz")
    yield "6_novels.txt", _xz_lines(corpora / "english_novels_100.txt.xz")


def runs(line: str) -> Iterator[int]:
    """Yields a number for each run of ten words, whatever stands between them."""
    words = _WORD.findall(line.lower())
    for start in range(len(words) - _RUN + 1):
        yield hash(tuple(words[start : start + _RUN]))


def _xz_lines(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        yield from (line.strip() for line in file if not line.isspace())


def _zip_lines(path: Path, pattern: str) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not Path(name).match(pattern) or Path(name).match("*/README*"):
                continue
            content = archive.read(name)
            try:
                text = content.decode("utf-8")
            except UnicodeDecodeError:  # NLTK's older files
                text = content.decode("latin-1")
            yield from (line.strip() for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    main()
