"""Handles: which package fetches them, and what is said when none can.

kagglehub is a stand-in here: the real one needs the network and is not installed.
The stand-in has the parts that are used, as kagglehub 0.2 to 1.0 have them:
`model_download(handle)`, which gives a folder, and `kagglehub.exceptions`.
"""

from __future__ import annotations

import hashlib
import sys
import types

import pytest

from keras_elmo import SourceError, handles
from keras_elmo.sources import open_source
from tests.keras_elmo.tiny import write_model

NOWHERE = "http://127.0.0.1:9/google/elmo/3"  # the discard port: nobody answers


@pytest.fixture
def cache(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_hub")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # as if not installed
    return tmp_path / "cache"


@pytest.fixture
def kagglehub(monkeypatch):
    """A stand-in whose `model_download` does what its `answer` says."""
    package = types.ModuleType("kagglehub")
    package.exceptions = types.ModuleType("kagglehub.exceptions")

    class UnauthenticatedError(Exception):
        __module__ = "kagglehub.exceptions"

    package.exceptions.UnauthenticatedError = UnauthenticatedError
    package.asked = []

    def model_download(handle):
        package.asked.append(handle)
        if isinstance(package.answer, Exception):
            raise package.answer
        return package.answer

    package.model_download = model_download
    monkeypatch.setitem(sys.modules, "kagglehub", package)
    monkeypatch.setitem(sys.modules, "kagglehub.exceptions", package.exceptions)
    return package


def place(cache, handle):
    return cache / hashlib.sha1(handle.encode()).hexdigest()


@pytest.mark.parametrize(
    "handle",
    ["https://tfhub.dev/google/elmo/3", "https://example.com/elmo.tar.gz"],
)
def test_a_handle_is_found_in_hubs_cache(cache, handle):
    folder = write_model(place(cache, handle))
    assert handles.resolve(handle) == (folder, "tensorflow-hub")
    info = str(open_source(handle).info)
    assert info.startswith(f"{handle} is a pair of files in the published format")
    assert f"fetched by tensorflow-hub into {folder}" in info


@pytest.mark.parametrize(
    ("handle", "asked"),
    [
        ("google/elmo/tensorFlow1/elmo", "google/elmo/tensorFlow1/elmo"),
        ("google/elmo/tensorFlow1/elmo/3", "google/elmo/tensorFlow1/elmo/3"),
        ("kaggle://google/elmo/tensorFlow1/elmo", "google/elmo/tensorFlow1/elmo"),
        (
            "https://www.kaggle.com/models/google/elmo/tensorFlow1/elmo/3?a=b",
            "google/elmo/tensorFlow1/elmo/3",
        ),
        (
            "https://www.kaggle.com/models/google/elmo/frameworks/TensorFlow1"
            "/variations/elmo/versions/3",
            "google/elmo/TensorFlow1/elmo/3",
        ),
    ],
    ids=["short", "version", "scheme", "address", "old address"],
)
def test_a_kaggle_handle_is_fetched_by_kagglehub(tmp_path, kagglehub, handle, asked):
    kagglehub.answer = str(write_model(tmp_path / "fetched"))
    assert "fetched by kagglehub into" in str(open_source(handle).info)
    assert kagglehub.asked == [asked]


def test_without_kagglehub_a_kaggle_handle_goes_to_tensorflow_hub(cache):
    address = "https://www.kaggle.com/models/google/elmo/tensorFlow1/elmo"
    folder = write_model(place(cache, address))
    assert handles.resolve("google/elmo/tensorFlow1/elmo") == (folder, "tensorflow-hub")


def test_a_folder_that_reads_like_a_kaggle_handle_is_a_folder(
    tmp_path, monkeypatch, kagglehub
):
    write_model(tmp_path / "a/b/tensorflow2/c")
    monkeypatch.chdir(tmp_path)
    assert "published format" in open_source("a/b/tensorflow2/c").info.form
    assert not kagglehub.asked


def test_an_unreachable_handle_says_what_was_tried_and_where_to_place_it(cache):
    with pytest.raises(SourceError) as caught:
        open_source(NOWHERE)
    message = str(caught.value)
    assert f"Tried: tensorflow-hub with {NOWHERE} (<urlopen error" in message
    assert f"unpack it into {place(cache, NOWHERE)}" in message
    assert "TFHUB_CACHE_DIR" in message


def test_both_attempts_at_a_kaggle_handle_are_reported(cache, kagglehub, monkeypatch):
    kagglehub.answer = kagglehub.exceptions.UnauthenticatedError("log in\nfirst")
    monkeypatch.setattr(handles, "_by_tensorflow_hub", fail_as_offline)
    with pytest.raises(SourceError) as caught:
        handles.resolve("google/elmo/tensorFlow1/elmo")
    address = "https://www.kaggle.com/models/google/elmo/tensorFlow1/elmo"
    assert (
        "Tried: kagglehub with google/elmo/tensorFlow1/elmo (log in first); "
        f"tensorflow-hub with {address} (offline)"
    ) in str(caught.value)


def fail_as_offline(_):
    raise SourceError("offline")


def test_an_error_that_is_not_a_failure_to_fetch_passes(cache, kagglehub):
    kagglehub.answer = TypeError("a bug")
    with pytest.raises(TypeError, match="a bug"):
        handles.resolve("google/elmo/tensorFlow1/elmo")


def test_packages_that_are_lacking_are_named(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(SourceError, match=r"kagglehub .*\(the package is not instal"):
        handles.resolve("google/elmo/tensorFlow1/elmo")
    with pytest.raises(SourceError, match=r"tensorflow-hub .*0.16 or newer, is not in"):
        handles.resolve(NOWHERE)


def test_an_archive_that_breaks_off_in_an_odd_place_is_reported(cache, monkeypatch):
    # Python 3.10's tarfile has a bug in what it does about some broken archives.
    def extract(_):
        raise AttributeError("'_Stream' object has no attribute 'exception'")

    monkeypatch.setattr("tensorflow_hub.resolve", extract)
    with pytest.raises(SourceError, match=r"Tried: tensorflow-hub .*_Stream"):
        handles.resolve(NOWHERE)


def test_an_address_that_is_not_local_is_reported(cache):
    with pytest.raises(SourceError, match=r"Tried: tensorflow-hub with gs://"):
        handles.resolve("gs://127.0.0.1/elmo.tar.gz/none")


def test_the_page_of_a_model_is_not_enough(kagglehub):
    with pytest.raises(SourceError, match="owner/model/framework/variation") as caught:
        handles.resolve("https://www.kaggle.com/models/google/elmo")
    assert "hint: google/elmo/tensorFlow1/elmo" in str(caught.value)
    assert not kagglehub.asked


def test_a_handle_that_brings_something_else_is_refused(tmp_path, kagglehub):
    (tmp_path / "readme.txt").touch()
    kagglehub.answer = str(tmp_path)
    with pytest.raises(SourceError, match=r"exactly one \*options\*\.json"):
        open_source("google/elmo/tensorFlow1/elmo")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a/b/tensorflow2/c", True),
        ("a/b/keras/c", False),
        ("my/own/tensorflow1", False),
        ("/a/b/tensorflow1/c", False),
        ("weights.hdf5", False),
    ],
)
def test_only_what_cannot_be_a_path_is_a_bare_handle(source, expected):
    assert handles.is_handle(source) is expected
