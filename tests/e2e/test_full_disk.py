"""Integration test: a disk that fills up in the middle of a run costs only time."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

_DISK_BYTES = 1500 << 20


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, in a sparse file."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("mounting a file system needs root and mkfs.ext4")
    image, folder = tmp_path / "image", tmp_path / "disk"
    image.touch()
    os.truncate(image, _DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    folder.mkdir()
    mounted = subprocess.run(["mount", "-o", "loop", image, folder], check=False)
    if mounted.returncode:
        pytest.skip("this system mounts no loop devices")
    yield folder
    subprocess.run(["umount", folder], check=True)


def _fill(path):
    """Takes all that is free, so that not one more block can be written."""
    with path.open("wb") as file:
        size, piece = 0, 1 << 30
        while piece >= 4096:
            try:
                os.posix_fallocate(file.fileno(), size, piece)
                size += piece
            except OSError:
                piece //= 2


def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    cli, sentences, write_csv, tmp_path, disk
):
    data = write_csv(tmp_path / "texts.csv", sentences)
    command = ("run", "--data", data, "--output", disk / "out", *cli.quick)
    first = cli.start(*command)
    for line in first.stderr:
        if "] Transform" in line:  # has ended; the Trainer is at work
            break
    _fill(disk / "filler")
    _, stderr = first.communicate(timeout=300)
    assert first.returncode == 1
    assert "No space left on device" in stderr
    assert "Traceback" not in stderr
    assert not list((disk / "out" / "serving").iterdir())

    second = cli.run(*command)
    assert second.returncode == 1
    assert "option output: its disk has 0.0 GiB free" in second.stderr

    (disk / "filler").unlink()
    third = cli.run(*command)
    assert third.returncode == 0, third.stderr
    assert cli.nodes(third.stderr)["Transform"] == "unchanged"
    [version] = (disk / "out" / "serving").iterdir()
    assert (version / "saved_model.pb").is_file()
