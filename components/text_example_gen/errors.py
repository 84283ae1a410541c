"""The errors that say what is wrong with the data."""

from __future__ import annotations

import os

from components.text_example_gen.spans import without_placeholders

_MOST_NAMES_SHOWN = 10


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


def describe_absence(pattern: str) -> str:
    """Returns a message: no file matches, and what the last existing folder holds."""
    message = f"No file matches {pattern}"
    folder = os.path.dirname(without_placeholders(pattern))
    while folder and not os.path.isdir(folder) and "://" not in folder:
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        return message
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    names = [os.fsencode(name).decode("utf-8", "replace") for name in names]
    shown = ", ".join(names[:_MOST_NAMES_SHOWN]) + (
        ", ..." if names[_MOST_NAMES_SHOWN:] else ""
    )
    return f"{message}\nhint: {folder} holds {shown or 'nothing'}"
