"""One run of a schedule, in a process of its own.

    python -m pipeline.scheduling.scheduled_run CONFIG OUTCOME

reads a configuration as JSON and writes an `Outcome` as JSON. Exit codes: 0 the run
ended well, or there was nothing new; 1 it failed; 130 it was asked to end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import RunError, UserError
from pipeline.files import write_whole
from pipeline.interrupts import interrupts_noted
from pipeline.scheduling.outcome import Outcome, failure, outcome_of
from pipeline.terminal import show_controls


def run_once(config: Config) -> Outcome:
    """Runs the pipeline if anything is new, and returns what came of it.

    Progress goes to stderr, and the summary to stdout.
    """
    from pipeline import local_runner
    from pipeline.runs.outcomes import NothingNew, RunFailed
    from pipeline.runs.summary_text import as_text

    try:
        with local_runner.run(config, only_if_new=True) as result:
            if isinstance(result, NothingNew):
                return Outcome(
                    "nothing new",
                    run_id=result.run_id,
                    span=result.span,
                    reason=str(result),
                    warnings=result.warnings,
                )
            summary = local_runner.summarize(result)
    except RunFailed as error:
        return failure(
            error.reason, log=error.log, component=error.node, run_id=error.run_id
        )
    except (UserError, RunError) as error:
        return failure(str(error))
    sys.stdout.write(as_text(summary))
    return outcome_of(summary, run_id=result.record.run_id, removed=result.removed)


def main(args: Sequence[str]) -> int:
    """Runs once, and returns the exit code.

    Args:
        args: The path of the configuration, and the path for the outcome.
    """
    show_controls()
    config_path, outcome_path = map(Path, args)
    with interrupts_noted() as noted:
        try:
            config = Config.model_validate_json(config_path.read_text("utf-8"))
            outcome = run_once(config)
        except KeyboardInterrupt:
            outcome = Outcome("interrupted")
    # A library may have made a failure of the interruption.
    if outcome.outcome == "interrupted" or (
        outcome.outcome == "failed" and noted.number is not None
    ):
        print("interrupted", file=sys.stderr)  # noqa: T201  # into the run's log
        return 130
    write_whole(outcome_path, json.dumps(outcome.to_json()) + "\n")
    return 1 if outcome.outcome == "failed" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
