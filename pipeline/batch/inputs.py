"""Whether a job can read what its user names, asked before anything is done.

Of files on this machine no Beam is loaded for it: a wrong name, column or format is
refused at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from components.text_example_gen.checks import DataPreview, check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.records import replace_invalid
from pipeline.errors import UserError, with_typed_options
from pipeline.files import is_local

# What is typed for the options of the data that a hint may name.
TYPED = {
    name: f"--{name.replace('_', '-')} VALUE"
    for name in ("text_column", "columns", "encoding", "delimiter", "quoting", "keep")
} | {
    "escape_character": "--escape-character VALUE",
    "format": "--input-format VALUE",
    "key_column": "--key VALUE",
}


def first_look(data: str, options: ReadOptions) -> DataPreview:
    """Looks at the beginning of the first files.

    Args:
        data: A file, a glob or a folder.
        options: How to read it.

    Raises:
        UserError: No file matches, or the first ones cannot be used.
    """
    try:
        return check_data(data, options=options)
    except DataError as error:
        raise UserError(with_typed_options(str(error), TYPED)) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise _unreadable(str(error.filename or data), why) from error


def check_readable(paths: Iterable[str]) -> None:
    """Refuses files of this machine that may not be read.

    Raises:
        UserError: With the first of them.
    """
    for path in paths:
        if is_local(path) and not os.access(path, os.R_OK):
            raise _unreadable(path, "permission denied")


def _unreadable(path: str, why: str) -> UserError:
    shown, _ = replace_invalid(path)
    return UserError(f"option --input: {shown} cannot be read: {why}")
