"""The one error with which the gate stops a run."""


class AnomaliesFoundError(RuntimeError):
    """The data does not fit the schema, or drifted; the message lists where and how."""
