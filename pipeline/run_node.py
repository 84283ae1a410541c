"""Runs one node of a run in a process of its own, for orchestrators of any kind.

    python -m pipeline.run_node --config run.yaml --list
    python -m pipeline.run_node --config run.yaml --node Transform --run-id nightly-7

Steps of one run share the run's id, the output folder of the configuration and ML
Metadata: the SQLite file in that folder while steps run one at a time, else the server
that the environment names (`pipeline.metadata.store`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import absl.logging
import click

from pipeline.commands.numbers import FiniteNumber
from pipeline.config import Config, ConfigError, load_config
from pipeline.interrupts import reraise_interrupt
from pipeline.metadata.runs import NodeRecord
from pipeline.node_order import upstream_nodes
from pipeline.output_folder import OutputFolder
from pipeline.runs.outcomes import RunFailed, reason_of
from pipeline.terminal import show_controls, visible_line

TOOK_TOO_LONG = 124
"""The exit code, which is that of the command `timeout`."""


@contextlib.contextmanager
def time_limit(minutes: float | None, what: str) -> Iterator[None]:
    """Ends this process if the block takes longer, whatever it is waiting for.

    Args:
        minutes: How long it may take; None: as long as it likes.
        what: What took too long, for the message.
    """

    def end() -> None:
        message = f"{what} failed: it took longer than {minutes:g} minutes"
        sys.stderr.write(f"error: {visible_line(message)}\n")
        sys.stderr.flush()
        os._exit(TOOK_TOO_LONG)  # another thread may be in C++ and hear no signal

    if minutes is None:
        yield
        return
    timer = threading.Timer(minutes * 60, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def run_node(config: Config, node: str, run_id: str) -> NodeRecord:
    """Runs a node to its end, or takes its outputs from an earlier run.

    Running it again is safe: what a killed try left is put right, and what an earlier
    try has finished is taken from it.

    Args:
        config: As `pipeline.runs.lifecycle.prepare_run` returned it, for all
            nodes.
        node: Id of a node, such as `Transform`; those before it have ended.
        run_id: Name of the run in ML Metadata.

    Returns:
        What the node did and made, as ML Metadata has it.

    Raises:
        ConfigError: There is no such node.
        MetadataUnavailable: ML Metadata cannot be reached.
        RunFailed: The node failed, or its inputs are missing.
    """
    from pipeline.pipeline import create_pipeline
    from pipeline.runs.node_launcher import NodeLauncher

    output = OutputFolder(config.output)
    output.prepare(0)
    output.follow_move()
    output.clean_after_killed_node(run_id, node)
    launcher = NodeLauncher(create_pipeline(config), run_id, output.metadata)
    if node not in launcher.nodes:
        raise ConfigError(
            f"node must be one of {', '.join(launcher.nodes)}. Received: {node!r}"
        )
    try:
        return launcher.launch(node)
    # Whatever a component raises, the user is told why.
    except Exception as error:  # noqa: BLE001
        reraise_interrupt(error)
        logging.exception("%s failed", node)
        raise RunFailed(node=node, reason=reason_of(error)) from error


def report_lines(record: NodeRecord) -> Iterator[str]:
    """Says what a node did and where its outputs lie."""
    yield f"{record.node}: {record.state} in {record.seconds:.1f} s"
    for key, artifacts in record.outputs.items():
        for artifact in artifacts:
            yield visible_line(f"  {key}: {artifact.uri}")


def log_to_stderr() -> None:
    """Makes TFX and the others say on stderr what they do, for a container's log.

    Whoever reads that log may do so on a terminal: control characters are made visible.
    """
    show_controls()
    absl.logging.use_absl_handler()
    absl.logging.set_verbosity(absl.logging.INFO)
    absl.logging.set_stderrthreshold(absl.logging.INFO)


@click.command(epilog="The same command again runs nothing twice. Exit code 1: failed.")
@click.option("--config", type=click.Path(path_type=Path), required=True)
@click.option("--set", "overrides", multiple=True, metavar="OPTION=VALUE")
@click.option("--list", "lists", is_flag=True, help="Print the nodes, in order.")
@click.option("--node", help="Id of the node, such as Transform.")
@click.option("--run-id", help="Name of the run in ML Metadata.")
@click.option("--timeout-minutes", type=FiniteNumber(min=0, min_open=True))
def main(
    config: Path,
    overrides: tuple[str, ...],
    lists: bool,
    node: str | None,
    run_id: str | None,
    timeout_minutes: float | None,
) -> None:
    """Run one node of the pipeline, after those before it have ended.

    Example: python -m pipeline.run_node --config run.yaml --node Transform --run-id r7
    """
    if not lists and not (node and run_id):
        raise click.UsageError("give --node and --run-id, or --list")
    log_to_stderr()
    loaded = load_config(config, overrides)
    if lists:
        click.echo("\n".join(upstream_nodes(loaded)))
        return
    assert node and run_id
    with time_limit(timeout_minutes, node):
        record = run_node(loaded, node, run_id)
    click.echo("\n".join(report_lines(record)))


if __name__ == "__main__":
    main()
