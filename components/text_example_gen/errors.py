"""The errors that say what is wrong with the data."""

from __future__ import annotations


class DataError(ValueError):
    """The input cannot be used as a whole; the message is for whoever gave it."""


class UnreadableFileError(ValueError):
    """One file cannot be read any further. It never leaves `read_file`.

    Args:
        reason: One of `reasons.REASONS`.
        detail: What was found, naming the file.
        text: The piece of the file that shows it, if any.
    """

    def __init__(self, reason: str, detail: str, text: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.text = text
