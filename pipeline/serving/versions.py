"""Finds the model to use in a folder of versions, and loads it.

Of this machine's files all but `load_classifier` works without TensorFlow, which takes
seconds to import; on other file systems it is what reads them.
"""

from __future__ import annotations

import errno
import functools
import glob
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from typing import Any

from pipeline.errors import UserError
from pipeline.features import EXPLAIN_TEXTS, SERVE_TEXTS
from pipeline.files import is_local, is_pattern

GRAPH = "saved_model.pb"

_NUMBER = re.compile(r"[0-9]+")
_HIGHEST = 2**63 - 1  # TensorFlow Serving reads an int64, and passes over the rest


class ModelError(UserError):
    """The model cannot be used; the message says why."""


def find_model(path: str) -> str:
    """Returns the SavedModel folder that a path means.

    Args:
        path: A SavedModel folder, or a folder of versions, of which the highest
            number wins. One without its graph is no model, or still being copied.

    Raises:
        ModelError: There is none.
    """
    folder = newest_model(path)
    if folder is None:
        _refuse_unreadable(path)
        if is_local(path) and not os.path.lexists(path):
            raise ModelError(
                f"option --model: there is no folder {path} (hint: give a SavedModel, "
                "or the `serving` folder of an output)"
            )
        raise ModelError(
            f"option --model: there is no {GRAPH}. Received: {path} (hint: give a "
            "SavedModel, or a folder of versions such as out/serving)"
        )
    return folder


def _refuse_unreadable(path: str) -> None:
    """Refuses a folder in which nothing is found because it may not be read."""
    try:
        if is_local(path) and os.path.isdir(path):
            os.listdir(path)
    except OSError as error:
        raise unreadable(path, error) from error


def newest_model(path: str) -> str | None:
    """Returns what `find_model` returns, or None."""
    path = path.rstrip("/")
    if _glob(path, GRAPH):
        return path
    versions = whole_versions(path)
    return versions[-1] if versions else None


def whole_versions(path: str) -> list[str]:
    """Returns the folders of a folder of versions that have their graph, by number."""
    versions = [posixpath.dirname(graph) for graph in _glob(path, f"*/{GRAPH}")]
    numbered = [each for each in versions if is_version(version_of(each))]
    return sorted(numbered, key=lambda each: int(version_of(each)))


def is_version(name: str) -> bool:
    """Whether a server takes a folder of this name for a version."""
    return _NUMBER.fullmatch(name) is not None and int(name) <= _HIGHEST


def next_version(serving: str, now: float) -> int:
    """Returns the number of the next version, which no other one is above.

    Servers take the highest number, so a clock that was put back must not lower it.

    Args:
        serving: The folder of versions. All in it count, whole or not, and whoever put
            them there.
        now: In seconds since 1970; the number, unless one there is as high.

    Raises:
        ModelError: A version there has the highest number that there is.
    """
    names = [version_of(each) for each in _glob(serving.rstrip("/"), "*")]
    newest = max((int(name) for name in names if is_version(name)), default=0)
    if newest == _HIGHEST:
        raise ModelError(
            f"{serving}/{newest} has the highest number that a version can have, so no "
            "later one can follow (hint: move it away)"
        )
    return max(int(now), newest + 1)


def version_of(folder: str) -> str:
    """Returns the name of a model's folder: its version, if it was pushed."""
    return posixpath.basename(folder.rstrip("/"))


def model_files(folder: str) -> list[str]:
    """Returns the paths of all files below a model's folder, in order.

    Links are followed, as TensorFlow does.

    Args:
        folder: On any file system that TensorFlow knows.

    Raises:
        ModelError: On this machine, something there cannot be read, leads nowhere or
            back into a folder it is in, or is no file that could be read to an end.
    """
    if is_local(folder):
        return sorted(_local_files(folder, ()))
    import tensorflow as tf

    return sorted(
        posixpath.join(directory, name)
        for directory, _, names in tf.io.gfile.walk(folder)
        for name in names
    )


def _local_files(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    try:
        found = os.stat(folder)
        here = (found.st_dev, found.st_ino)
        if here in above:
            raise OSError(errno.ELOOP, "a link that leads back to where it is")
        names = os.listdir(folder)
    except OSError as error:
        raise unreadable(folder, error) from error
    for name in names:
        path = posixpath.join(folder, name)
        if os.path.isdir(path):
            yield from _local_files(path, (*above, here))
            continue
        try:
            check_regular(path)
        except OSError as error:
            raise unreadable(path, error) from error
        yield path


def check_regular(path: str) -> None:
    """Refuses what is no file on this machine's disk: reading a pipe may never end.

    Raises:
        OSError: It is a pipe, a socket or a device; or nothing is there.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "neither a file nor a folder")


def unreadable(path: str, error: OSError) -> ModelError:
    """Returns the error for a path of a model that cannot be read."""
    why = (error.strerror or str(error)).lower()
    if os.path.islink(path):
        why += f"; it is a link to {os.readlink(path)}"
    return ModelError(f"the model cannot be read: {path}: {why}")


def load_classifier(folder: str, *, explain: bool = False) -> Any:
    """Returns a function from a tensor of texts to the outputs of the signature.

    Args:
        folder: Of the SavedModel.
        explain: Whether it also says which words decided.

    Raises:
        ModelError: The files are not a SavedModel, or it has no such signature.
    """
    model_files(folder)  # TensorFlow would wait for a pipe
    import tensorflow as tf

    try:
        model = tf.saved_model.load(folder)
        signatures = model.signatures
    # Over a broken graph TensorFlow also raises errors that have no public class.
    except Exception as error:  # noqa: BLE001
        reason = str(error).partition("\n")[0]
        if isinstance(error, (AttributeError, KeyError)):
            reason = f"its graph is damaged ({type(error).__name__}: {reason})"
        if is_pattern(folder):
            reason = "TensorFlow takes *, ?, [ and \\ in its path for wildcards"
            reason += " (hint: rename the folder)"
        raise ModelError(f"{folder} cannot be loaded: {reason}") from error
    if SERVE_TEXTS not in signatures:
        raise ModelError(
            f"the model must have the signature {SERVE_TEXTS}. "
            f"Received: {folder} with {', '.join(signatures) or 'none'}"
        )
    if explain and EXPLAIN_TEXTS not in signatures:
        raise ModelError(
            f"{folder} cannot say which words decided: an earlier version made it, "
            f"without the signature {EXPLAIN_TEXTS}\n"
            "hint: train again (elmo-tfx run)"
        )
    signature = signatures[EXPLAIN_TEXTS if explain else SERVE_TEXTS]
    ((name, _),) = signature.structured_input_signature[1].items()
    call = functools.partial(_call, signature, name)
    call.model = model  # type: ignore[attr-defined]  # its weights live as long as it
    return call


def _call(signature: Any, name: str, texts: Any) -> dict[str, Any]:
    return signature(**{name: texts})


def _glob(folder: str, pattern: str) -> list[str]:
    if is_local(folder):
        return glob.glob(posixpath.join(glob.escape(folder), pattern))
    import tensorflow as tf

    try:
        return tf.io.gfile.glob(posixpath.join(folder, pattern))
    except tf.errors.UnimplementedError as error:  # such as https://
        raise ModelError(
            f"TensorFlow reads no models from {folder.partition('://')[0]}://. "
            f"Received: {folder} (hint: download the folder)"
        ) from error
    except tf.errors.OpError as error:
        reason = error.message.strip().partition("\n")[0]
        raise ModelError(f"{folder} cannot be looked into: {reason}") from error
