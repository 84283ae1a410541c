"""Archives of a model: what comes out of them, and what may not."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import zipfile

import pytest

from keras_elmo import SourceError, archives
from keras_elmo.sources import check_source, open_source
from tests.keras_elmo.hostile import as_half, refusal

pytestmark = pytest.mark.timeout(20)

FORMATS = {"zip": "zip", "tar": "tar", "tar.gz": "gztar", "tar.bz2": "bztar"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def folders(cache):
    return sorted(each for each in cache.iterdir() if each.is_dir())


def zip_of(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tar_of(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, change in members:
            member = tarfile.TarInfo(name)
            member.size = 4
            change(member)
            archive.addfile(member, io.BytesIO(b"data"))
    return path


# Each makes an archive of one file.
MAKERS = {
    "zip": lambda path, name: zip_of(path, **{name: "data"}),
    "tar": lambda path, name: tar_of(path, (name, lambda member: None)),
}


def tar_with_headers(path, *contents, kind=tarfile.XHDTYPE):
    """Writes a packed tar of empty files, with such a header before each of them."""
    with gzip.open(path, "wb") as file:
        for number, content in enumerate(contents):
            header, member = tarfile.TarInfo("x"), tarfile.TarInfo(f"{number}.json")
            header.type, header.size = kind, len(content)
            file.write(header.tobuf(tarfile.USTAR_FORMAT))
            file.write(content.ljust(-(-len(content) // 512) * 512, b"\0"))
            file.write(member.tobuf(tarfile.USTAR_FORMAT))
        file.write(bytes(1024))
    return path


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, b"X"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1" * 2_000_000, "that is too long"),
        (b"1" * 65_000, "with a record that is not whole"),
        (b"2 " * 30_000 + b"=\n", "with a record that is not whole"),
        (b"9 a=b\n", "with a record that is not whole"),
        (b"6 a=bc\n", "with a record that is not whole"),
        (b"22 GNU.sparse.major=1\n", "a sparse file in it"),
    ],
)
def test_a_header_that_tarfile_would_take_long_for_is_refused(
    tmp_path, kind, content, message
):
    path = tar_with_headers(tmp_path / "elmo.tar.gz", content, kind=kind)
    assert path.stat().st_size < 10_000
    with pytest.raises(SourceError, match=message):
        archives.check_archive(path)


def test_many_headers_are_refused(tmp_path):
    many = b"".join(b"10 k%04d=\n" % number for number in range(6000))
    path = tar_with_headers(tmp_path / "elmo.tar.gz", *[many] * 50)
    assert "a header that is too long" in refusal(path)


def test_a_sparse_file_of_old_is_refused(tmp_path):
    path = tar_of(tmp_path / "a", ("a", lambda m: setattr(m, "type", b"S")))
    assert "a sparse file in it" in refusal(path)


def test_a_name_and_an_attribute_in_a_header_of_pax_are_read(tmp_path):
    name = "é/" * 20 + "1" * 200
    path = tmp_path / "elmo.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.pax_headers = {"SCHILY.xattr.user.note": "x" * 5000}
        archive.addfile(member, io.BytesIO())
    made = archives.unpacked(path)
    assert (made / name).is_file()


@pytest.mark.parametrize("format", [*FORMATS.values(), "xztar"])
@pytest.mark.parametrize("base", [".", "elmo"], ids=["files", "folder"])
def test_an_archive_is_a_source_as_its_folder_is(tiny_elmo, tmp_path, format, base):
    shutil.copytree(tiny_elmo, tmp_path / "made/elmo")
    root = tmp_path / "made" if base == "elmo" else tmp_path / "made/elmo"
    path = shutil.make_archive(str(tmp_path / "elmo"), format, root, base)
    check_source(path)
    opened = open_source(path)
    assert opened.options == open_source(tiny_elmo).options
    assert f"unpacked into {tmp_path}/cache/elmo-" in str(opened.info)


def test_an_archive_is_unpacked_once_and_anew_when_its_content_changes(
    tiny_elmo, tmp_path, cache, monkeypatch
):
    path = shutil.make_archive(str(tmp_path / "elmo"), "zip", tiny_elmo)
    open_source(path)
    (first,) = folders(cache)
    monkeypatch.setattr(archives, "_unpack", None)
    open_source(path)
    monkeypatch.undo()
    os.environ["TFHUB_CACHE_DIR"] = str(cache)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README", "new")
    open_source(path)
    assert len(folders(cache)) == 2
    assert first in folders(cache)


@pytest.mark.parametrize("is_noted", [True, False])
@pytest.mark.parametrize("lost", ["weights.hdf5", "options.json", None])
def test_an_unpacked_archive_that_has_lost_a_file_is_unpacked_again(
    tiny_elmo, tmp_path, cache, lost, is_noted
):
    path = shutil.make_archive(str(tmp_path / "elmo"), "zip", tiny_elmo)
    open_source(path)
    [folder] = folders(cache)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for name in before if lost is None else [lost]:
        (folder / name).unlink()
    if not is_noted:
        folder.with_name(f"{folder.name}.json").unlink()
    open_source(path)
    assert [folder] == folders(cache)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_would_be_unpacked_at_once_is_refused(tmp_path, kind):
    path = tmp_path / "elmo.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("options.json", "{}")
    assert "options.json is neither stored nor deflated" in refusal(path)


def test_several_models_in_an_archive_are_named(tiny_elmo, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(tiny_elmo, tmp_path / "made" / name)
    path = shutil.make_archive(str(tmp_path / "elmo"), "zip", tmp_path / "made")
    assert "must hold one ELMo. Received: one, two" in refusal(path)


def test_an_archive_of_something_else_says_what_it_lacks(tmp_path):
    path = zip_of(tmp_path / "a.zip", **{"readme.txt": "no model"})
    assert f"{path} holds no ELMo. Received: readme.txt" in refusal(path)


@pytest.mark.parametrize(
    "name", ["../out", "/tmp/out", "a/../../out", "..\\out", "C:\\out", "a/c:out"]
)
@pytest.mark.parametrize("make", MAKERS)
def test_nothing_is_written_outside(tmp_path, cache, name, make):
    path = MAKERS[make](tmp_path / "a", name)
    assert "holds a file that would lie outside" in refusal(path)
    assert list(cache.iterdir()) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", MAKERS)
def test_folders_without_end_are_refused(tmp_path, cache, make):
    path = MAKERS[make](tmp_path / "a", "a/" * 1900 + "x")
    assert "holds folders within more than 32 others" in refusal(path)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("make", MAKERS)
def test_a_name_of_thousands_of_characters_does_not_fill_the_screen(
    tmp_path, cache, make
):
    path = MAKERS[make](tmp_path / "a", "x" * 3000)
    message = refusal(path)
    assert "xxx" in message and len(message) < 1000


def as_type(kind):
    def change(member):
        member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    return change


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE],
    ids=["link", "hard link", "device", "pipe"],
)
def test_only_files_come_out_of_a_tar(tmp_path, kind):
    path = tar_of(tmp_path / "a.tar.gz", ("options.json", as_type(kind)))
    assert "holds a link or a device, not a file: options.json" in refusal(path)
    with pytest.raises(SourceError, match="holds a link"):
        check_source(str(path))


def test_no_link_comes_out_of_a_zip(tmp_path):
    info = zipfile.ZipInfo("options.json")
    info.external_attr = 0o120777 << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "holds a link or a device" in refusal(path)


def test_an_archive_of_zeros_is_not_written_out(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED_BYTES", 1 << 16)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.hdf5", bytes(1 << 22))
    assert "unpacks to far more than its" in refusal(path)
    assert list(cache.iterdir()) == []


def test_a_header_of_gigabytes_is_not_read(tmp_path):
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 24)))
    assert "a header that is too long" in refusal(path)


def test_headers_count_as_files_do(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED_BYTES", 1 << 16)
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(8):
            member = tarfile.TarInfo(f"{number}.txt")
            member.pax_headers = {"comment": "a" * (1 << 14)}
            archive.addfile(member)
    assert "unpacks to far more than its" in refusal(path)
    assert list(cache.iterdir()) == []


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_FILES", 3)
    path = zip_of(tmp_path / "a.zip", **{str(number): "" for number in range(4)})
    assert "holds more than 3 files" in refusal(path)


def test_two_members_of_one_name_are_refused(tmp_path):
    path = tar_of(tmp_path / "a", *[("options.json", lambda member: None)] * 2)
    assert refusal(path) == f"{path} holds two files of one name: options.json"


def test_a_file_of_the_name_of_a_folder_is_refused(tmp_path):
    for names in (("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d")):
        path = zip_of(tmp_path / "a.zip", **dict.fromkeys(names, ""))
        assert refusal(path) == f"{path} holds two files of one name: {names[1]}"


@pytest.mark.parametrize("data", [b"", b"hello" * 200], ids=["nothing", "a text"])
def test_what_is_packed_and_no_tar_is_refused(tmp_path, data):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(data))
    assert f"Cannot read the archive {path}: there is no tar in it" in refusal(path)


def test_a_colon_in_a_name_is_no_drive(tiny_elmo, tmp_path):
    shutil.copytree(tiny_elmo, tmp_path / "made" / "run of 12:30")
    path = shutil.make_archive(str(tmp_path / "elmo"), "zip", tmp_path / "made")
    assert "run of 12:30" in str(open_source(path).info)


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
def test_an_archive_that_is_cut_short_is_named(tiny_elmo, tmp_path, cache, format):
    path = tmp_path / "a"
    shutil.move(shutil.make_archive(str(path), format, tiny_elmo), path)
    as_half(path)
    assert str(path) in refusal(path)
    assert not cache.exists() or list(cache.iterdir()) == []
