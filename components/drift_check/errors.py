"""What DriftCheck raises; drift itself is no error but an anomaly in its report."""


class DriftCheckError(ValueError):
    """The examples cannot be measured; it says nothing about drift."""
