"""ELMo's speed: keras_elmo beside simple_elmo and allennlp.

Every figure is end to end, from lists of tokens to mixed vectors, on the same
sentences and the same random weights. The peers run in environments of their own,
which the first call makes under .bench. A whole run takes about an hour on two cores,
and nothing else should run beside it.

Example:
    python -m benchmarks.elmo --models small --count 128 --json small.json
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.arguments import add_result_options, parser_of, positive
from benchmarks.document import write_report
from benchmarks.elmo.contenders import CONTENDERS
from benchmarks.elmo.environments import KEPT
from benchmarks.elmo.figures import disagreeing
from benchmarks.elmo.runs import Bench
from benchmarks.elmo.sentences import read_sentences
from benchmarks.elmo.session import failures, run_all
from benchmarks.elmo.shapes import SHAPES
from benchmarks.elmo.table import markdown
from benchmarks.errors import BenchmarkError


def main() -> int:
    """Measures, prints the report; gives 1 if a contender failed or disagrees."""
    args = _parser().parse_args()
    # Ended from outside, it ends its process and removes its files, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        results = json.loads(args.results.read_text("utf-8")) if args.results else None
        results = results or _measure(args)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        report = markdown(results)
        print(report, end="")
        if args.write:
            write_report(
                args.write,
                report,
                maker="make bench-elmo",
                title="How fast the ELMo layer is",
            )
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    wrong = [*failures(results), *(f"{n} disagrees" for n in disagreeing(results))]
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _measure(args: argparse.Namespace) -> dict:
    source, sentences = read_sentences(args.sentences, args.count)
    KEPT.mkdir(exist_ok=True)  # not in /tmp, which may be small: weights are 430 MB
    with tempfile.TemporaryDirectory(prefix="run-", dir=KEPT) as folder:
        bench = Bench(folder=Path(folder), sentences=sentences, repeats=args.repeats)
        return run_all(
            bench,
            source=source,
            models=args.models,
            contenders={name: CONTENDERS[name] for name in args.contenders},
            training=args.training,
        )


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("python -m benchmarks.elmo", __doc__)
    option = parser.add_argument
    option(
        "--sentences",
        type=Path,
        metavar="PATH",
        help="text file with a sentence a line, CSV file with a column text, or folder "
        "of rt-polarity files (default: those beside the project, else the sample)",
    )
    option("--count", type=positive, default=512, help="sentences (default: 512)")
    option("--repeats", type=positive, default=2, help="passes measured (default: 2)")
    option(
        "--models",
        type=_choices(SHAPES),
        default=list(SHAPES),
        metavar="NAME,…",
        help=f"of {', '.join(SHAPES)} (default: all)",
    )
    option(
        "--contenders",
        type=_choices(CONTENDERS),
        default=list(CONTENDERS),
        metavar="NAME,…",
        help=f"of {', '.join(CONTENDERS)} (default: all)",
    )
    option(
        "--training",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure fit steps as well (default: yes)",
    )
    add_result_options(parser)
    return parser


def _choices(known: dict):
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"must be of {', '.join(known)}. Received: {name}"
                )
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
