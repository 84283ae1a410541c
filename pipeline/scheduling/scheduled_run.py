"""One run of a schedule, in a process of its own.

    python -m pipeline.scheduling.scheduled_run CONFIG OUTCOME

reads a configuration as JSON and writes an `Outcome` as JSON. Exit codes: 0 the run
ended well, or there was nothing new; 1 it failed; 130 it was asked to end.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import Config, ConfigError
from pipeline.files import write_whole
from pipeline.scheduling.outcome import Outcome, failure, outcome_of


def run_once(config: Config) -> Outcome:
    """Runs the pipeline if anything is new, and returns what came of it.

    Progress goes to stderr, and the summary to stdout.
    """
    from pipeline import local_runner
    from pipeline.metadata.store import MetadataUnavailable
    from pipeline.output_folder import OutputUnusable
    from pipeline.runs.outcomes import RunFailed
    from pipeline.runs.run_log import log_the_end, run_log

    try:
        result = local_runner.run(config, only_if_new=True)
    except (ConfigError, MetadataUnavailable, OutputUnusable) as error:
        return failure(str(error))
    except RunFailed as error:
        return failure(error.reason, log=error.log, component=error.node)
    if not isinstance(result, local_runner.RunResult):
        return Outcome(
            "nothing new",
            run_id=result.run_id,
            span=result.span,
            reason=str(result),
            warnings=(result.waiting,) if result.waiting else (),
        )
    log_the_end(result.log)
    with run_log(result.log):
        from pipeline.runs import summary  # TensorFlow Model Analysis is loud, too

        facts = summary.summarize(result)
    sys.stdout.write(summary.as_text(facts))
    return outcome_of(facts, run_id=result.record.run_id, removed=result.removed)


def main(args: Sequence[str]) -> int:
    """Runs once, and returns the exit code.

    Args:
        args: The path of the configuration, and the path for the outcome.
    """
    # SIGTERM ends a run as Ctrl-C does: what must be put right is put right.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given, written = map(Path, args)
    try:
        outcome = run_once(Config.model_validate_json(given.read_text("utf-8")))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201  # into the run's log
        return 130
    write_whole(written, json.dumps(outcome.to_json()) + "\n")
    return 1 if outcome.outcome == "failed" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
