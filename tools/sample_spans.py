"""The sample data as it would arrive: in spans, of which the later ones drift.

    python -m tools.sample_spans --output data/spans --every-seconds 60

First come reviews of films, then of goods, then tweets and newspaper editorials.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from pipeline.errors import RunError
from pipeline.files import write_whole
from tools.sample_data import (
    AMAZON,
    EDITORIALS,
    MOVIES,
    TWEETS,
    SampleDataError,
    as_csv,
    download,
    read_snippets,
)

DONE_FILE = "_SUCCESS"
_KINDS = (MOVIES, MOVIES, MOVIES, AMAZON, TWEETS, EDITORIALS)


class Span(NamedTuple):
    """A span of the sample data.

    Attributes:
        number: From 1.
        kind: What the texts are.
        rows: Text and label of each.
    """

    number: int
    kind: str
    rows: list[tuple[str, str]]


def sample_spans(archive: Path, rows: int, *, seed: int = 1) -> Iterator[Span]:
    """Yields three spans of films, then one each of goods, tweets and editorials.

    Args:
        archive: What `tools.sample_data.download` returned.
        rows: Rows of a span; no text comes twice.
        seed: Of the order of the texts.

    Raises:
        SampleDataError: The archive is not as it is known, or has too few texts.
    """
    left: dict[str, list[tuple[str, str]]] = {}
    for number, kind in enumerate(_KINDS, start=1):
        if kind not in left:
            left[kind] = read_snippets(archive, kind)
            random.Random(seed).shuffle(left[kind])
        if len(left[kind]) < rows:
            raise SampleDataError(f"there are too few {kind} for spans of {rows} rows")
        yield Span(number, kind, left[kind][:rows])
        left[kind] = left[kind][rows:]


def write_span(folder: Path, span: Span) -> Path:
    """Writes a span to `folder/<number>/`: its texts, then `_SUCCESS`.

    Returns:
        The file of texts.
    """
    path = folder / str(span.number) / f"{span.kind}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, as_csv(span.rows))
    write_whole(path.with_name(DONE_FILE), "")
    return path


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default="data/spans", show_default=True
)
@click.option("--rows", type=click.IntRange(min=100), default=2000, show_default=True)
@click.option(
    "--every-seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Wait so long after each span; default: write all at once.",
)
def main(output: Path, rows: int, every_seconds: float) -> None:
    """Fetch the sample data and write it in spans, as if it arrived over days.

    Spans 1 to 3 are film reviews, 4 reviews of goods, 5 tweets, 6 newspaper
    editorials, all from the source distribution of vaderSentiment 3.3.2 (MIT licence).

    Example: python -m tools.sample_spans --output data/spans --every-seconds 60
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for span in sample_spans(download(Path(scratch)), rows):
                if span.number > 1:
                    time.sleep(every_seconds)
                path = write_span(output, span)
                click.echo(f"span {span.number}: {len(span.rows):,} rows in {path}")
    except OSError as error:
        raise RunError(str(error)) from error


if __name__ == "__main__":
    main()
