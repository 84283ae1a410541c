"""What the embedded biLM learnt: perplexity, senses of words, nearest neighbours.

It takes a minute on two cores, and 2 GB of memory.

Example:
    python -m benchmarks.senses --write docs/embedded_elmo.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.arguments import parser_of, positive
from benchmarks.document import write_report
from benchmarks.errors import BenchmarkError
from benchmarks.senses.card import read_curve
from benchmarks.senses.curve_plot import curve_plot
from benchmarks.senses.measure import measure
from benchmarks.senses.report import markdown
from benchmarks.senses.senses_plot import senses_plot
from benchmarks.senses.sentences import OWN, SAMPLE, read_own, read_sample

_CARD = Path("keras_elmo/pretrained/README.md")
_LAYERS = ("token layer", "LSTM layer 1", "LSTM layer 2")


def main() -> int:
    """Prints the report, and writes the page with its plots if one is named."""
    args = _parser().parse_args()
    try:
        curve = read_curve(_CARD.read_text("utf-8"))
        words, others = read_own(OWN.read_text("utf-8"))
        own = [text for senses in words.values() for s in senses for text in s.texts]
        sample = read_sample(args.sample, args.count)
        measured = measure(words, [*sample, *own, *others])
        page = args.write or Path("embedded_elmo.md")
        plots = {
            page.with_name(f"{page.stem}_perplexity.svg"): curve_plot(curve),
            page.with_name(f"{page.stem}_senses.svg"): senses_plot(
                words, measured.found, _LAYERS
            ),
        }
        first, second = (path.name for path in plots)
        report = markdown(curve, words, measured, _LAYERS, (first, second))
        print(report, end="")
        if args.write:
            write_report(
                page,
                report,
                maker="python -m benchmarks.senses",
                title="What the embedded ELMo learnt",
            )
            for path, drawn in plots.items():
                path.write_text(drawn, "utf-8")
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("python -m benchmarks.senses", __doc__)
    option = parser.add_argument
    option(
        "--sample",
        type=Path,
        default=SAMPLE,
        metavar="FILE",
        help=f"CSV file with a column text (default: {SAMPLE})",
    )
    option(
        "--count",
        type=positive,
        default=4000,
        help="texts taken from it (default: 4000)",
    )
    option(
        "--write", type=Path, metavar="PAGE", help="put the report into this page too"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
