"""Files, folders and names that are no ELMo: each is said to be what it is."""

from __future__ import annotations

import os
import socket
import tarfile
import zipfile

import pytest

from keras_elmo import SourceError
from keras_elmo.sources import open_source
from tests.keras_elmo.hostile import as_half, as_pipe, refusal

pytestmark = pytest.mark.timeout(20)  # what waits or never ends fails


def as_folder(path):
    path.unlink()
    path.mkdir()


def as_device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def as_log(path):
    path.unlink()
    path.symlink_to("/proc/kmsg")


def as_socket(path):
    path.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's path must be short
        made.bind(path.name)
        os.chdir(here)


def as_broken_link(path):
    path.unlink()
    path.symlink_to(path.parent / "gone")


def as_loop(path):
    path.unlink()
    path.symlink_to(path)


def as_zip(path):
    data = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner", data)


def as_tar(mode):
    def make(path):
        path.rename(path.with_suffix(".inner"))
        with tarfile.open(path, mode) as archive:
            archive.add(path.with_suffix(".inner"))
        path.with_suffix(".inner").unlink()

    return make


FILES = {
    "a pipe": (as_pipe, "is a pipe, a socket or a device"),
    "a device": (as_device, "is a pipe, a socket or a device"),
    "a socket": (as_socket, "is a pipe, a socket or a device"),
    "a folder": (as_folder, "is a folder, where a file belongs"),
    "a broken link": (as_broken_link, "There is no ELMo file"),
    "a link to itself": (as_loop, "Cannot read the ELMo file"),
    "a zip": (as_zip, "it is a zip archive"),
    "a tar": (as_tar("w"), "it is a tar archive"),
    "a tar.gz": (as_tar("w:gz"), "it is a gzip archive"),
    "a tar.xz": (as_tar("w:xz"), "it is an xz archive"),
    "cut in half": (as_half, "Cannot read ELMo"),
    "zeros": (lambda path: path.write_bytes(bytes(4096)), "Cannot read ELMo"),
    "nothing": (lambda path: path.write_bytes(b""), "is empty"),
    # It is a regular file that waits for the kernel's next message.
    "a log of the kernel": (as_log, "is empty"),
}


@pytest.mark.parametrize("name", ["options.json", "weights.hdf5"])
@pytest.mark.parametrize(("change", "words"), FILES.values(), ids=FILES)
def test_what_is_no_file_of_its_kind_is_said_to_be_what_it_is(
    folder, name, change, words
):
    change(folder / name)
    line = refusal(folder)
    assert words in line
    assert str(folder / name) in line


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", [".", "options.json", "weights.hdf5"])
def test_what_may_not_be_read_is_named(folder, name):
    (folder / name).chmod(0)
    assert str(folder) in refusal(folder)
    (folder / name).chmod(0o700)


def test_a_pair_in_the_wrong_order_is_told_the_right_one(folder):
    line = refusal((str(folder / "weights.hdf5"), str(folder / "options.json")))
    assert "in this order: options.json, then the hdf5 file" in line
    assert f"{folder}/weights.hdf5, which is an hdf5 file" in line


@pytest.mark.parametrize("scheme", ["https", "http", "gs", "s3", "file"])
def test_a_pair_is_not_downloaded_and_keeps_its_slashes(folder, scheme):
    pair = [f"{scheme}://host/x_options.json", f"{scheme}://host/x_weights.hdf5"]
    assert f"Received: {pair[0]}" in refusal(pair)
    assert "must lie on this machine" in refusal(pair)
    assert pair[1] in refusal((folder / "options.json", pair[1]))


@pytest.mark.parametrize(
    "source",
    [None, 3, b"default", ("a",), ("a", "b", "c"), (1, 2), (None, "a"), (), {"a": 1}],
    ids=repr,
)
def test_what_names_nothing_is_shown_as_it_is(source):
    assert f"Received: {source!r}" in refusal(source)


@pytest.mark.parametrize("source", ["x" * 5000, "a\0b"], ids=["long", "zero byte"])
def test_a_name_that_no_file_can_have_is_refused(source):
    assert len(refusal(source)) < 2_200
    assert len(refusal((source, source))) < 2_200


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "which is an hdf5 file\nhint: name the folder"),
        (as_pipe, "is a pipe"),
    ],
    ids=["weights alone", "pipe"],
)
def test_a_file_that_is_named_alone_is_told_what_to_do(folder, make, words):
    make(folder / "weights.hdf5")
    with pytest.raises(SourceError) as caught:
        open_source(folder / "weights.hdf5")
    assert words in str(caught.value)


def test_a_folder_with_an_archive_is_told_to_name_that(tmp_path):
    (tmp_path / "elmo.tar.gz").touch()
    with pytest.raises(SourceError, match="with none\nhint: name .*/elmo.tar.gz"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("source", "shown"),
    [("a\nb\x1b[31m", r"a\nb\x1b[31m"), ("a\udcffb", r"a\udcffb"), ("é ß", "é ß")],
    ids=["control", "no UTF-8", "letters"],
)
@pytest.mark.parametrize("start", ["", "https://no.such.host/"])
def test_a_name_is_shown_in_one_line_that_prints(monkeypatch, source, shown, start):
    monkeypatch.setattr("keras_elmo.handles._by_tensorflow_hub", no_network)
    assert start + shown in refusal(start + source)
    refusal((start + source, "b")).encode()


def no_network(handle):
    raise SourceError("no network")
