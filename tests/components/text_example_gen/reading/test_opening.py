"""What a file is before it is read: text, an archive, damaged, or no file at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import tarfile
import zlib

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading.read_file import read_file
from tests.components.text_example_gen.reading.items import detail, read

# Without the time: each process of the tests must know it by the same name.
PACKED_TWICE = gzip.compress(gzip.compress(b"a,b", mtime=0), mtime=0)
HALVES = [b"text,label\na,pos\n", b"b,neg\nc,pos\n"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04rest", "a zip archive or a spreadsheet\nhint: unpack the archive"),
        (b"PK\x03\x04rest", "or export the spreadsheet as CSV"),
        (b"\x28\xb5\x2f\xfdrest", "compressed with zstd\nhint: unpack it"),
        (b"7z\xbc\xaf\x27\x1crest", "a 7z archive\nhint: unpack it"),
        (b"Rar!\x1a\x07\x01\0", "a rar archive\nhint: unpack it"),
        (b"\x1f\x9d\x90a", "compressed with compress\nhint: unpack it"),
        (
            lzma.compress(b"text,label\na,b\n", lzma.FORMAT_ALONE),
            "compressed with lzma\nhint: unpack it",
        ),
        (b"\x04\x22\x4d\x18d", "compressed with lz4\nhint: unpack it"),
        (b"\xff\x06\0\0sNaPpY", "compressed with snappy\nhint: unpack it"),
        (b"LZIP\x01\x0c", "compressed with lzip\nhint: unpack it"),
        (b"\x89LZO\0\r\n", "compressed with lzop\nhint: unpack it"),
        (b"SQLite format 3\0", "a database\nhint: export the data as CSV"),
        (b"ARROW1\0\0" * 9, "an Arrow or Feather file\nhint: write it as Parquet"),
        (PACKED_TWICE, "packed twice\nhint: unpack it"),
        (bytes(range(256)) * 8, "binary data"),
        ("text,label\na,b\n".encode("utf-16-le"), "`encoding=utf-16-le`"),
        (b"text,label\n" + bytes(range(128, 256)) * 50, "its bytes are not UTF-8"),
    ],
)
def test_a_file_that_is_not_text_is_refused_with_what_it_looks_like(
    tmp_path, data, what
):
    assert read(tmp_path / "a.csv", data) == [(0, "not_text")]
    assert what in detail(tmp_path / "a.csv", data)
    assert what in detail(tmp_path / "a.dat", data)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.dat"])
@pytest.mark.parametrize("place", [0, 1, 299])
def test_control_characters_in_one_text_cost_its_row_and_not_the_file(
    tmp_path, name, place
):
    delimiter = b"\t" if name == "a.tsv" else b","
    rows = [b"a film%spos" % delimiter] * 300
    rows[place] = b"a" + b"\0" * 500 + delimiter + b"neg"
    data = b"\n".join([b"text%slabel" % delimiter, *rows])
    items = read(tmp_path / name, data)
    assert items.pop(place) == (place + 2, "not_text")
    assert items == [("a film", "pos")] * 299


def test_a_tar_archive_of_good_rows_is_refused_as_what_it_is(tmp_path):
    rows = b"text,label\n" + b"a film,pos\n" * 9000  # so long that NULs are rare
    name = tmp_path / "train.csv"
    name.write_bytes(rows)
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        packed = tmp_path / "a.tar.gz"
        with tarfile.open(packed, "w:gz", format=form) as archive:
            archive.add(name, "train.csv")
        for options in (
            ReadOptions(),
            ReadOptions(columns=("text", "label")),
            ReadOptions(format="folder"),
        ):
            [reject] = read_file(str(packed), options)
            assert reject["reason"] == "not_text"
            assert "a tar archive\nhint: unpack it" in reject["detail"]
    text = "a" * (256 - len("text,label\n")) + "mustard"
    assert read(name, f"text,label\n{text},pos\n".encode()) == [(text, "pos")]


def test_a_damaged_file_is_reported_after_what_could_be_read(tmp_path):
    rows = "".join(f"text {i * i},pos\n" for i in range(40_000)).encode()
    packed = gzip.compress(b"text,label\n" + rows)
    items = read(tmp_path / "a.csv.gz", packed[: len(packed) // 2])
    assert items[-1] == (0, "damaged_file")
    assert len(items) > 1000
    assert read(tmp_path / "a.parquet", b"PAR1 no") == [(0, "damaged_file")]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_damage_in_a_later_stream_is_told(tmp_path, pack):
    first, second = map(pack, HALVES)
    whole = [("a", "pos"), ("b", "neg"), ("c", "pos")]
    assert read(tmp_path / "a.csv", first + second) == whole
    for place in range(len(second)):
        damaged = bytes([*second[:place], second[place] ^ 255, *second[place + 1 :]])
        items = read(tmp_path / "a.csv", first + damaged)
        # gzip does not check when a member was made, and on which system.
        if items != whole or pack is not gzip.compress:
            assert items[-1] == (0, "damaged_file"), place
    assert read(tmp_path / "a.csv", first + second[:-9])[-1] == (0, "damaged_file")
    assert read(tmp_path / "a.csv", first + b"junk")[-1] == (0, "damaged_file")


def test_zeros_behind_xz_and_gzip_are_padding_and_nothing_has_no_rows(tmp_path):
    whole = [("a", "pos"), ("b", "neg"), ("c", "pos")]
    xz = b"".join(lzma.compress(half) + bytes(4) for half in HALVES)
    assert read(tmp_path / "a.csv", xz) == whole
    assert read(tmp_path / "a.csv", xz + b"\0")[-1] == (0, "damaged_file")
    assert read(tmp_path / "a.csv", gzip.compress(b"".join(HALVES)) + bytes(3)) == whole
    assert read(tmp_path / "a.csv.gz", gzip.compress(b"")) == []


def test_xz_that_asks_for_gigabytes_to_be_unpacked_is_refused(tmp_path):
    packed = bytearray(lzma.compress(HALVES[0]))
    block = 12  # behind the header of the stream
    end = block + 4 * (packed[block] + 1) - 4
    assert packed[block + 2 : block + 4] == b"\x21\x01", "LZMA2, one byte of settings"
    packed[block + 4] = 40  # a window of 4 GiB - 1
    packed[end : end + 4] = struct.pack("<I", zlib.crc32(packed[block:end]))
    message = detail(tmp_path / "a.csv.xz", bytes(packed))
    assert "is damaged after 0 rows: it needs more than 256 MiB of memory" in message
    assert (
        read(tmp_path / "a.csv.xz", lzma.compress(HALVES[0], preset=9))[0][1] == "pos"
    )


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.txt.BZ2", "a.pq.xz"])
def test_a_file_that_cannot_be_empty_is_damaged_if_it_is(tmp_path, name):
    assert read(tmp_path / name, b"") == [(0, "damaged_file")]


@pytest.mark.parametrize("options", [{}, {"format": "folder"}])
def test_a_pipe_is_not_opened(tmp_path, options):
    os.mkfifo(tmp_path / "p.csv")
    [(_, reason)] = read(tmp_path / "p.csv", **options)
    assert reason == "not_a_file"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a", "pos/a.txt"])
def test_a_file_that_git_lfs_did_not_fetch_is_no_data(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    where = path.parent.name if name.startswith("pos/") else ""
    [item] = read_file(str(path), ReadOptions(), in_class_folder=where)
    assert item["reason"] == "damaged_file"
    assert (
        "is a pointer of Git LFS, without the content\nhint: git lfs pull"
        in item["detail"]
    )
