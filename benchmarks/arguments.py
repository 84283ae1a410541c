"""What the command lines of benchmarks share."""

from __future__ import annotations

import argparse
from pathlib import Path


def positive(text: str) -> int:
    """Reads a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive int. Received: {text}")
    return int(text)


def parser_of(prog: str, doc: str | None) -> argparse.ArgumentParser:
    """Gives a parser whose help is a module's docstring: summary, then the rest."""
    summary, _, rest = (doc or "").partition("\n\n")
    return argparse.ArgumentParser(
        prog=prog,
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_result_options(parser: argparse.ArgumentParser) -> None:
    """Adds where the results go, and where kept ones come from."""
    option = parser.add_argument
    option("--json", type=Path, metavar="FILE", help="write the raw results here")
    option(
        "--results",
        type=Path,
        metavar="FILE",
        help="measure nothing: report what --json wrote",
    )
    option(
        "--write", type=Path, metavar="PAGE", help="put the report into this page too"
    )
