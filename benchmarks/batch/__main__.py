"""The speed of `elmo-tfx predict`, beside a bare loop and TFX's own BulkInferrer.

Each is measured in processes of its own, on sample texts over and over with a number
behind each. A whole run takes about an hour on two cores and a gigabyte in TMPDIR, and
nothing else should run beside it.

Example:
    python -m benchmarks.batch --rows 3000 --small 1000 --large 6000 --json small.json
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

from benchmarks.arguments import add_result_options, parser_of, positive
from benchmarks.batch.figures import Results
from benchmarks.batch.report import failures, report
from benchmarks.batch.rows import read_texts
from benchmarks.batch.session import START_UP_ROWS, run_all
from benchmarks.command import exit_status, run_command
from benchmarks.errors import BenchmarkError


def main() -> int:
    """Measures, prints the report; gives 1 if a contender failed or disagrees."""
    results = run_command(
        _parser().parse_args(),
        measure=_measure,
        from_json=Results.from_json,
        to_json=dataclasses.asdict,
        report=report,
        maker="make bench-batch",
        title="How fast batch jobs are",
    )
    return 1 if results is None else exit_status(list(failures(results)))


def _measure(args: argparse.Namespace) -> Results:
    texts = read_texts(args.data)
    if not any(any(args.model.glob(f"{place}saved_model.pb")) for place in ("", "*/")):
        raise BenchmarkError(
            f"there is no model (hint: make run). Received: {args.model}"
        )
    with tempfile.TemporaryDirectory(prefix="elmo-tfx-bench-") as folder:
        return run_all(
            Path(folder),
            model=args.model,
            source=args.data,
            texts=texts,
            sizes={"small": args.small, "rows": args.rows, "large": args.large},
            repeats=args.repeats,
        )


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("python -m benchmarks.batch", __doc__)
    option = parser.add_argument
    option(
        "--model",
        type=Path,
        default=Path("out/serving"),
        metavar="PATH",
        help="folder of versions or SavedModel (default: %(default)s)",
    )
    option(
        "--data",
        type=Path,
        default=Path("data/sample/movie_reviews.csv"),
        metavar="PATH",
        help="CSV file with a column text (default: %(default)s)",
    )
    for name, default, what in (
        ("rows", 100_000, "for predict beside the others"),
        ("small", 10_000, "the fewest"),
        ("large", 1_000_000, "the most"),
    ):
        text = f"{what} (default: {default:,})"
        option(f"--{name}", type=_rows, default=default, metavar="ROWS", help=text)
    option("--repeats", type=positive, default=3, help="passes; the best counts (3)")
    add_result_options(parser)
    return parser


def _rows(text: str) -> int:
    if positive(text) <= START_UP_ROWS:
        raise argparse.ArgumentTypeError(
            f"must be more than {START_UP_ROWS} rows, which measure the start-up. "
            f"Received: {text}"
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
