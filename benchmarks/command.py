"""What a benchmark's command does with its results."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from benchmarks.document import write_report
from benchmarks.errors import BenchmarkError

_Results = TypeVar("_Results")


def run_command(
    args: argparse.Namespace,
    *,
    measure: Callable[[argparse.Namespace], _Results],
    from_json: Callable[[Any], _Results],
    to_json: Callable[[_Results], Any],
    report: Callable[[_Results], str],
    maker: str,
    title: str,
) -> _Results | None:
    """Measures or reads kept results; prints the report and puts it where asked.

    Args:
        args: With the options of `add_result_options`.
        measure: Gives the results.
        from_json: Gives kept results back.
        to_json: Gives what `--json` keeps of them.
        report: Gives their Markdown.
        maker: The command as a page names it.
        title: Of a page that is begun.

    Returns:
        The results; None after an error, which stands on stderr.
    """
    # Ended from outside, it ends its processes and removes its files, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if args.results:
            results = from_json(json.loads(args.results.read_text("utf-8")))
        else:
            results = measure(args)
        text = report(results)
        print(text, end="")  # first: it took an hour, and a path may be wrong
        if args.json:
            raw = json.dumps(to_json(results), indent=1)
            args.json.write_text(raw + "\n", "utf-8")
        if args.write:
            write_report(args.write, text, maker=maker, title=title)
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return None
    return results


def exit_status(wrong: list[str]) -> int:
    """Prints what is wrong with a run; gives 1 if anything is."""
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0
