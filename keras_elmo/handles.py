"""Handles of models that lie elsewhere: which forms there are, how each is fetched.

A TF Hub handle is any address that tensorflow-hub resolves, through its cache. A
Kaggle handle names `owner/model/framework/variation` with or without a version; it
is fetched by kagglehub where that is installed, else by tensorflow-hub, which takes
Kaggle's addresses as well. Nothing that was fetched is run here.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from keras_elmo import files
from keras_elmo.errors import SourceError

_KAGGLE_SITE = re.compile(r"https?://(?:www\.)?kaggle\.com/models/|kaggle://", re.I)
# Kaggle's older addresses spell out what each part is.
_KAGGLE_MODEL = re.compile(
    r"(?P<owner>[\w.-]+)/(?P<model>[\w.-]+)/(?:frameworks/)?(?P<framework>[\w.-]+)"
    r"/(?:variations/)?(?P<variation>[\w.-]+)(?:/(?:versions/)?(?P<version>\d+))?/?"
)
# What a download raises when the connection, the server or the archive is bad.
_FAILURES = (
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    AttributeError,  # of tarfile in Python 3.10, over a broken archive
    http.client.HTTPException,
    tarfile.TarError,
    zlib.error,
)


# Where the handles lie that somebody named in this process, and what fetched them.
_FETCHED: dict[str, tuple[Path, str]] = {}


def is_handle(source: str) -> bool:
    """Returns whether `source` names a model that lies elsewhere.

    A bare `owner/model/framework/variation` reads like a path, so it counts only if
    its framework is one of Kaggle's names for TensorFlow.
    """
    if "://" in source:
        return True
    match = _KAGGLE_MODEL.fullmatch(source)
    return match is not None and match["framework"].lower().startswith("tensorflow")


def resolve(handle: str) -> tuple[Path, str]:
    """Returns the local folder of `handle`, and the package that brought it there.

    Raises:
        SourceError: If it cannot be fetched; it says what was tried and where the
            model can be placed by hand.
    """
    kaggle, address = _kaggle_handle(handle), handle
    attempts: list[tuple[str, Callable[[str], str], str]] = []
    if kaggle is not None:
        attempts.append(("kagglehub", _by_kagglehub, kaggle))
        if not handle.startswith("http"):
            address = f"https://www.kaggle.com/models/{kaggle}"
    attempts.append(("tensorflow-hub", _by_tensorflow_hub, address))
    failures = []
    for package, fetch, name in attempts:
        try:
            folder = fetch(name)
        except SourceError as error:
            failures.append(f"{package} with {name} ({error})")
            continue
        if Path(folder).is_dir():
            _FETCHED[handle] = (Path(folder), package)
            return _FETCHED[handle]
        failures.append(f"{package} with {name} ({folder} is not a local folder)")
    raise SourceError(
        f"The handle {handle} cannot be fetched. Tried: {'; '.join(failures)}\n"
        "hint: download the model elsewhere, unpack it, and give its folder as the "
        f"source; or unpack it into {_place(address)}, where tensorflow-hub looks "
        "first (the environment variable TFHUB_CACHE_DIR moves that cache)"
    )


def resolved(handle: str) -> tuple[Path, str]:
    """Returns what `resolve` returned for `handle` before, and fetches nothing.

    Raises:
        SourceError: If nobody has named the handle in this process.
    """
    if handle not in _FETCHED:
        raise SourceError(
            f"The handle {handle} is named by a configuration, and has not been "
            "fetched in this process"
        )
    return _FETCHED[handle]


def _kaggle_handle(handle: str) -> str | None:
    """Returns `owner/model/framework/variation[/version]`, or None for TF Hub's."""
    at_kaggle = _KAGGLE_SITE.match(handle)
    if at_kaggle is None and "://" in handle:
        return None
    rest = handle[at_kaggle.end() :] if at_kaggle else handle
    match = _KAGGLE_MODEL.fullmatch(rest.partition("?")[0])
    if match is None:
        raise SourceError(
            "A Kaggle handle must be owner/model/framework/variation, with or without "
            f"a version. Received: {handle}\n"
            "hint: google/elmo/tensorFlow1/elmo is the module google/elmo"
        )
    return "/".join(part for part in match.groups() if part)


def _by_kagglehub(handle: str) -> str:
    try:
        kagglehub = importlib.import_module("kagglehub")
        exceptions = vars(importlib.import_module("kagglehub.exceptions"))
    except ImportError as error:
        raise SourceError("the package is not installed") from error
    # kagglehub's errors have no common class of their own.
    own = [error for error in exceptions.values() if _is_error(error)]
    try:
        return kagglehub.model_download(handle)
    except (*_FAILURES, *own) as error:
        raise SourceError(files.one_line(error)) from error


def _is_error(item: object) -> bool:
    return (
        isinstance(item, type)
        and issubclass(item, Exception)
        and item.__module__ == "kagglehub.exceptions"
    )


def _by_tensorflow_hub(handle: str) -> str:
    try:
        import tensorflow as tf
        import tensorflow_hub
    except ImportError as error:
        raise SourceError("the package, 0.16 or newer, is not installed") from error
    try:
        return tensorflow_hub.resolve(handle)
    except (*_FAILURES, tf.errors.OpError) as error:
        raise SourceError(files.one_line(error)) from error


def cache_folder() -> Path:
    """Returns the folder in which tensorflow-hub keeps what it downloads."""
    default = Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(os.environ.get("TFHUB_CACHE_DIR") or default)


def _place(handle: str) -> Path:
    """Returns the folder in which tensorflow-hub looks before it downloads."""
    name = hashlib.sha1(handle.encode(errors="surrogatepass")).hexdigest()
    return cache_folder() / name
