"""The errors that say what is wrong with the data."""

from __future__ import annotations


class DataError(ValueError):
    """The input as a whole cannot be used; the message is for the user."""


class UnreadableFileError(ValueError):
    """One file cannot be read any further. It never leaves `read_file`.

    Args:
        reason: One of the codes in `reading.reasons`.
        detail: What is wrong, with the name of the file.
        text: The part of the file that shows it, if any.
    """

    def __init__(self, reason: str, detail: str, text: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.text = text
