"""Names that the compiled pipeline and the steps that it starts agree on."""

from __future__ import annotations

# The steps around TFX's nodes.
START = "Start"
END = "End"

# Parameters of the pipeline.
SPAN = "span"
DATA_PATTERN = "data_pattern"
TRAINING_STEPS = "training_steps"
FORCE = "force"

# Parameters of steps. Start takes the configuration as it was compiled, and makes the
# one that the others take: with the span as a number, and the run's own parameters.
CONFIG = "config"
RESOLVED_CONFIG = "resolved_config"
RUN_ID = "run_id"
FINGERPRINT = "fingerprint"
SPAN_NAME = "span_name"
IS_NEW = "is_new"
YES = "true"

# Artifacts for KFP's interface, by the step that makes them.
METRICS = "metrics"
REPORT = "report"
MODEL = "model"
SUMMARY = "summary"
OPTIONS_OF_PATHS = (REPORT, SUMMARY)
