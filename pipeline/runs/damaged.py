"""Results of earlier runs that are not any more what was written.

TFX takes a result of before from its cache without a look into it, so that damage shows
only to those who read it. Once it is removed, it counts as not made.
"""

from __future__ import annotations

import contextlib
import logging
import zlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError

from pipeline.errors import RunError

_LOGGER = logging.getLogger(__name__)
_FAILURES = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, OSError),
    *(RecursionError, TypeError, ValueError),
    *(DecodeError, tf.errors.OpError, zlib.error),
)


class ResultDamaged(RunError):
    """A result is not what was written; one line that says which."""


@contextlib.contextmanager
def reading(folder: str) -> Iterator[None]:
    """Says which result is meant where reading it fails, and what can be done.

    Args:
        folder: Of the result.

    Raises:
        ResultDamaged: In place of whatever was raised.
    """
    try:
        yield
    except _FAILURES as error:
        _LOGGER.warning("%s cannot be read", folder, exc_info=error)
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ResultDamaged(
            f"{folder} is not what was written: {reason} (hint: remove that folder; "
            "the next run makes it again)"
        ) from error
