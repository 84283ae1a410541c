"""Which folder a path to a model means."""

from __future__ import annotations

import errno
import os

import pytest
import tensorflow as tf

from pipeline.serving.versions import (
    ModelError,
    find_model,
    newest_model,
    next_version,
)


def test_the_newest_whole_version_wins(tmp_path):
    for version in ("9", "10", "11", "notes"):
        (tmp_path / version).mkdir()
        if version != "11":  # still being copied
            (tmp_path / version / "saved_model.pb").touch()
    assert newest_model(str(tmp_path)) == str(tmp_path / "10")
    assert newest_model(str(tmp_path / "9/")) == str(tmp_path / "9")
    assert newest_model(str(tmp_path / "11")) is None


def test_a_folder_without_a_whole_version_is_named(tmp_path):
    (tmp_path / "11").mkdir()
    with pytest.raises(ModelError, match=f"no saved_model.pb. Received: {tmp_path}"):
        find_model(str(tmp_path))


def test_a_folder_whose_name_looks_like_a_glob_is_taken_as_it_is(tmp_path):
    folder = tmp_path / "model[1]*"
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    assert find_model(str(folder)) == str(folder)


@pytest.mark.parametrize(
    ("there", "now", "expected"),
    [
        ([], 17.9, 17),
        ([], 0, 1),
        (["9", "10"], 100, 100),
        (["9", "100"], 100, 101),
        (["99999999999"], 100, 100000000000),
        (
            [".200.part", "notes", "٣٠٠", str(2**63)],
            100,
            100,
        ),  # no versions to a server
        (["0101"], 100, 102),
    ],
)
def test_the_next_version_is_above_all_that_a_server_may_take(
    tmp_path, there, now, expected
):
    for name in there:
        (tmp_path / name).mkdir()
    assert next_version(str(tmp_path), now) == expected


def test_without_a_higher_number_no_version_can_follow(tmp_path):
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(ModelError, match="9223372036854775807 has the highest number"):
        next_version(str(tmp_path), 100)


def test_a_number_that_no_server_reads_is_not_the_newest_model(tmp_path):
    for name in ("7", str(2**63)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    assert newest_model(str(tmp_path)) == str(tmp_path / "7")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://host/model", "reads no models from https://. Received: https://host"),
        ("nosuch://host/model", "reads no models from nosuch://"),
    ],
)
def test_what_no_file_system_reads_is_refused_in_one_line(address, message):
    with pytest.raises(ModelError, match=message):
        find_model(address)


def test_a_file_system_that_fails_says_why(monkeypatch):
    def glob(path):
        raise tf.errors.FailedPreconditionError(
            None, None, "no such host\n\twhen gs://"
        )

    monkeypatch.setattr(tf.io.gfile, "glob", glob)
    with pytest.raises(
        ModelError, match="^gs://a cannot be looked into: no such host$"
    ):
        find_model("gs://a")


def test_a_folder_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(ModelError, match=f"{tmp_path}: permission denied"):
        find_model(str(tmp_path))
