"""What the embedded biLM learnt: perplexity, senses of words, nearest neighbours."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.command import COUNT, path_option
from benchmarks.markdown import write_report
from benchmarks.senses.curve import curve_plot, read_curve
from benchmarks.senses.measuring import measure
from benchmarks.senses.report import markdown
from benchmarks.senses.senses_plot import senses_plot
from benchmarks.senses.sentences import OWN, read_own
from benchmarks.texts import SAMPLE, read_texts

_CARD = Path("keras_elmo/pretrained/README.md")
_LAYERS = ("token layer", "LSTM layer 1", "LSTM layer 2")


@click.command(
    epilog="Example: python -m benchmarks senses --write docs/embedded_elmo.md"
)
@path_option("--sample", "CSV file with a column text.", SAMPLE)
@click.option("--count", type=COUNT, default=4000, show_default=True, help="Texts.")
@path_option("--write", "Put the report into this page too, its plots beside it.")
def command(sample: Path, count: int, write: Path | None) -> None:
    """Show what the embedded biLM learnt.

    Perplexity, the senses of words, nearest neighbours. It takes a minute on two cores,
    and 2 GB of memory.
    """
    curve = read_curve(_CARD.read_text("utf-8"))
    words, others = read_own(OWN.read_text("utf-8"))
    own = [text for senses in words.values() for each in senses for text in each.texts]
    measured = measure(words, [*read_texts(sample)[:count], *own, *others])
    page = write or Path("embedded_elmo.md")
    plots = {
        f"{page.stem}_perplexity.svg": curve_plot(curve),
        f"{page.stem}_senses.svg": senses_plot(words, measured.found, _LAYERS),
    }
    first, second = plots
    report = markdown(curve, words, measured, _LAYERS, (first, second))
    click.echo(report, nl=False)
    if write:
        title = "What the embedded ELMo learnt"
        write_report(page, report, name="senses", title=title)
        for name, drawn in plots.items():
            page.with_name(name).write_text(drawn, "utf-8")
