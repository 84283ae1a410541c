"""The command `python -m benchmarks NAME`: one benchmark each.

A benchmark's module is imported when it is called, so that `--help` does not wait for
TensorFlow.
"""

from __future__ import annotations

import importlib
import signal
import sys

import click

# Name -> module with its `command`, first line of its help.
_BENCHMARKS = {
    "classifiers": (
        "benchmarks.classifiers.command",
        "This pipeline beside other classifiers.",
    ),
    "layer": ("benchmarks.layer", "Tokens per second of the layer."),
    "reading": ("benchmarks.reading", "Rows per second of each format."),
    "nodes": ("benchmarks.nodes", "Seconds of each node of the pipeline."),
    "batch": ("benchmarks.batch.command", "Batch jobs beside TFX's BulkInferrer."),
    "runners": ("benchmarks.runners", "Batch jobs on Flink beside the local runner."),
    "elmo": ("benchmarks.elmo.command", "The layer beside simple_elmo and allennlp."),
    "calibration": ("benchmarks.calibration", "What the probabilities are worth."),
    "review": ("benchmarks.review", "Wrong labels that elmo-tfx review finds."),
    "quality": ("benchmarks.quality.command", "Accuracy with the embedded ELMo."),
    "explanations": (
        "benchmarks.explanations.command",
        "Whether the words that are named decided.",
    ),
    "fuzz": ("benchmarks.fuzz.command", "Wrong files, and whether they end a job."),
    "senses": ("benchmarks.senses.command", "What the embedded biLM learnt."),
}


class _Benchmarks(click.Group):
    """Benchmarks that are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_BENCHMARKS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _BENCHMARKS:
            return None
        return importlib.import_module(_BENCHMARKS[cmd_name][0]).command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        rows = [(name, line) for name, (_, line) in _BENCHMARKS.items()]
        with formatter.section("Benchmarks"):
            formatter.write_dl(rows)


@click.group(cls=_Benchmarks, epilog="Example: python -m benchmarks layer --count 500")
def main() -> None:
    """Measure speed or quality and print a report in Markdown.

    Nothing else should run beside it.
    """


if __name__ == "__main__":
    # Ended from outside, it ends its processes and removes its files, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    main(prog_name="python -m benchmarks")
