"""What is done before the first node of a run: checks, the plan, the folders."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.checked_config import checked_config
from pipeline.config import Config
from pipeline.metadata_store import open_store
from pipeline.nothing_new import NothingNew
from pipeline.output_folder import OutputFolder, with_kept_schema
from pipeline.run_plan import RunPlan, plan_run


@dataclass(frozen=True)
class StartedRun:
    """A run whose nodes can be launched, in any process that reaches its output.

    Args:
        config: For all its nodes: with absolute paths, and a span by its number.
        plan: What it depends on.
        nothing_new: Why its nodes need not be launched, or None.
    """

    config: Config
    plan: RunPlan
    nothing_new: NothingNew | None


def start_run(config: Config, *, force: bool = False) -> StartedRun:
    """Checks and prepares a run.

    Args:
        config: What to run.
        force: Run also where nothing is new since the last run that ended well.

    Raises:
        ConfigError: The data, the ELMo source, the schema or the output cannot be
            used; where a span is missing, with the path it was looked for at.
        OutputUnusable: The disk is nearly full.
        MetadataUnavailable: ML Metadata cannot be reached.
    """
    checked = checked_config(config)
    output = OutputFolder(checked.config.output)
    output.prepare(checked.data_bytes)
    config = with_kept_schema(checked.config, output)
    plan = plan_run(config)
    nothing = plan.nothing_new(open_store(output.metadata), output.pipeline_name)
    return StartedRun(config, plan, None if force else nothing)
