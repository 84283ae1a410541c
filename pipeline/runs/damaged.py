"""Results of earlier runs that are not any more what was written.

TFX takes a result of before from its cache without a look into it, so that damage shows
only to those who read it, at each run again. Once it is removed, or found damaged, it
counts as not made.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError

from pipeline.errors import RunError
from pipeline.files import is_local
from pipeline.metadata.store import is_on_server
from pipeline.output_folder import OutputFolder

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


def damage_behind(output: OutputFolder, run_id: str) -> str:
    """Returns which results that a failed run has used are damaged; "" if none is.

    They count as not made from then on, so that the next run makes them again; but for
    the model with which a new one is to be compared. With ML Metadata on a server
    nothing is looked for: other outputs share it.

    Args:
        output: Held by the caller.
        run_id: Of the run.
    """
    if is_on_server():
        return ""
    metadata = output.open_metadata()
    used = {
        made.uri
        for node in metadata.runs.of(run_id).nodes
        for artifacts in node.outputs.values()
        for made in artifacts
        if is_local(made.uri)
    }
    damaged = metadata.inventory.damaged(sorted(used))
    if not damaged:
        return ""
    last = metadata.pushed.last_blessed()
    metadata.inventory.count_as_not_made(d for d in damaged if d.path != last)
    names = ", ".join(os.path.join(each.path, each.lacks) for each in damaged)
    what = "the same command makes it again"
    if any(each.path == last for each in damaged):
        what = (
            f"bring back a copy of {last}, with which a new model is compared, or "
            f"remove {output.metadata} and {output.artifacts}: then the output begins "
            "anew, and keeps what is served"
        )
    return f"{names} is not what was written\nhint: {what}"
