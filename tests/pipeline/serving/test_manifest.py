"""Which files a model consists of."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest

from pipeline.serving.manifest import (
    check_digests,
    digests,
    read_manifest,
    write_manifest,
)
from pipeline.serving.versions import ModelError, load_classifier


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "7"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


def test_a_manifest_is_what_sha256sum_reads_and_writes(model, tmp_path):
    manifest = tmp_path / "7.sha256"
    write_manifest(str(model), str(manifest))
    command = ["sha256sum", "--check", "--strict", str(manifest)]
    done = subprocess.run(command, cwd=model, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert read_manifest(str(manifest)) == digests(str(model))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["7", "7.sha256"]


def test_an_unchanged_model_is_accepted(model):
    check_digests(str(model), digests(str(model)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: (m / "saved_model.pb").write_bytes(b"other"), "has changed"),
        (lambda m: (m / "saved_model.pb").unlink(), "lacks saved_model.pb"),
        (lambda m: (m / "assets").write_bytes(b""), "has assets, which its manifest"),
    ],
)
def test_a_changed_model_is_refused(model, change, message):
    before = digests(str(model))
    change(model)
    with pytest.raises(ModelError, match=message):
        check_digests(str(model), before)


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (lambda p: p.symlink_to("gone"), "odd: no such file .*; it is a link to gone"),
        (lambda p: p.symlink_to("odd"), "odd: too many levels .* link to odd"),
        (lambda p: p.symlink_to("../variables"), "variables/odd: a link that leads"),
        (os.mkfifo, "odd: neither a file nor a folder"),
        (lambda p: p.symlink_to("/dev/zero"), "odd: neither .* link to /dev/zero"),
    ],
    ids=["dangling", "on itself", "into itself", "pipe", "device"],
)
def test_what_cannot_be_read_to_an_end_is_refused_by_its_name(model, put, message):
    put(model / "variables" / "odd")
    for read in (digests, load_classifier):
        with pytest.raises(ModelError, match=message):
            read(str(model))


def test_what_may_not_be_read_is_refused_by_its_name(model, monkeypatch):
    def refused(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as root_may_read_all:
        root_may_read_all.setattr("builtins.open", refused)
        with pytest.raises(ModelError, match="saved_model.pb: permission denied"):
            digests(str(model))
    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(ModelError, match="/7: permission denied"):
        digests(str(model))


def test_a_link_to_a_folder_is_followed(model):
    (model / "again").symlink_to("variables")
    assert "again/variables.index" in digests(str(model))


@pytest.mark.parametrize("content", [b"no list\n", b"abc  file\n"])
def test_a_file_that_is_not_a_manifest_is_refused(tmp_path, content):
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not a list of SHA-256"):
        read_manifest(str(path))


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ModelError, match="no-such"):
        read_manifest(str(tmp_path / "no-such"))


def test_files_behind_a_link_to_a_folder_count(model, tmp_path):
    (model / "variables").rename(tmp_path / "elsewhere")
    (model / "variables").symlink_to(tmp_path / "elsewhere")
    assert "variables/variables.index" in digests(str(model))
