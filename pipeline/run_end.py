"""What remains to be done when all nodes of a run have ended."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.finished_runs import FinishedRuns
from pipeline.metadata_store import open_store
from pipeline.output_folder import OutputFolder
from pipeline.pushed_models import PushedModels
from pipeline.retention import remove_old_versions
from pipeline.run_plan import RunPlan


def end_run(
    output: OutputFolder, config: Config, run_id: str, plan: RunPlan
) -> list[int]:
    """Removes old versions, and records the run as one that ended well.

    Doing it again changes nothing.

    Args:
        output: What the run wrote into.
        config: What was run.
        run_id: Its name in ML Metadata.
        plan: What it depended on when it began.

    Returns:
        The versions that were removed, oldest first.
    """
    keep, removed = config.push.keep_versions, []
    if keep is not None:
        pushes = PushedModels(output.metadata).pushes()
        withdrawn = {push.path for push in pushes if push.withdrawn}
        removed = remove_old_versions(output.serving, keep, withdrawn)
    store = open_store(output.metadata)
    FinishedRuns(store, output.pipeline_name).record(
        run_id, plan.fingerprint, plan.span
    )
    return removed
