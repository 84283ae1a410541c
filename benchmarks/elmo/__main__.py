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
import sys
import tempfile
from pathlib import Path

from benchmarks.arguments import add_result_options, parser_of, positive
from benchmarks.command import exit_status, run_command
from benchmarks.elmo.contenders import CONTENDERS
from benchmarks.elmo.environments import KEPT
from benchmarks.elmo.figures import disagreeing
from benchmarks.elmo.runs import Bench
from benchmarks.elmo.sentences import read_sentences
from benchmarks.elmo.session import failures, run_all
from benchmarks.elmo.shapes import SHAPES
from benchmarks.elmo.table import markdown


def main() -> int:
    """Measures, prints the report; gives 1 if a contender failed or disagrees."""
    results = run_command(
        _parser().parse_args(),
        measure=_measure,
        from_json=dict,
        to_json=dict,
        report=markdown,
        maker="make bench-elmo",
        title="How fast the ELMo layer is",
    )
    if results is None:
        return 1
    disagree = [f"{name} disagrees" for name in disagreeing(results)]
    return exit_status([*failures(results), *disagree])


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
