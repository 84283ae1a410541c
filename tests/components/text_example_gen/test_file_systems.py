"""Files of this machine and elsewhere: what is matched, and what is refused how."""

from __future__ import annotations

import pytest
from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem, MatchResult
from apache_beam.io.filesystems import FileSystems

from components.text_example_gen import file_systems
from components.text_example_gen.errors import DataError
from components.text_example_gen.file_systems import FoundFile, match, open_raw


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://x.org/a.csv", "read from the web.*\nhint: download the"),
        ("HTTP://x.org/a.csv", "read from the web"),
        ("file:///d/a.csv", "by its path alone. Received: file:///d/a.csv\nhint: /d/a"),
        (
            "s3://b/a.csv",
            r"s3:// needs a package.*\nhint: pip install 'apache-beam\[aws\]'",
        ),
        ("toy://b/a.csv", "know toy:// here.*\nhint: give a path of this machine"),
    ],
)
def test_an_address_that_nothing_here_reads_gets_one_line(
    address, message, monkeypatch
):
    def refuse(path):
        raise ValueError("Unable to get filesystem from specified path")

    monkeypatch.setattr(FileSystems, "get_filesystem", refuse)
    monkeypatch.setattr(file_systems, "_is_installed", lambda module: module != "boto3")
    for use in (match, open_raw):
        with pytest.raises(DataError, match=message):
            use(address)


def test_other_file_systems_are_asked_by_beam_and_hidden_names_left_out(monkeypatch):
    found = ["c/2.csv", "c/_x.csv", ".d/1.csv", "c/1.csv"]
    asked = []

    def answer(patterns):
        asked.extend(patterns)
        return [MatchResult("", [FileMetadata(f"toy://b/{n}", 3, 1.5) for n in found])]

    monkeypatch.setattr(FileSystems, "get_filesystem", lambda _: FileSystem)
    monkeypatch.setattr(FileSystems, "match", answer)
    files = [FoundFile(f"toy://b/c/{n}.csv", 3, 1.5) for n in (1, 2)]
    assert match("toy://b/*/*.csv") == match("toy://b/**") == files
    assert [file.path for file in match("toy://b/*/_*")] == [
        "toy://b/c/1.csv",
        "toy://b/c/2.csv",
        "toy://b/c/_x.csv",
    ]
    assert asked == ["toy://b/*/*.csv", "toy://b/**", "toy://b/*/_*"]


def test_what_beam_wraps_is_said_in_one_line(monkeypatch):
    inner = BeamIOError("list", {"toy://b": ValueError("no credentials\nat line 1")})

    def fail(patterns):
        raise BeamIOError("Match operation failed", {patterns[0]: inner})

    monkeypatch.setattr(FileSystems, "get_filesystem", lambda _: FileSystem)
    monkeypatch.setattr(FileSystems, "match", fail)
    with pytest.raises(DataError, match=r"toy://b/\* cannot be .*: no credentials$"):
        match("toy://b/*")
