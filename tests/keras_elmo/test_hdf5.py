"""hdf5 files are tried by another process: what it survives is opened, nothing else."""

from __future__ import annotations

import os
import pathlib
import struct
import subprocess
import sys
from multiprocessing import spawn

import h5py
import numpy as np
import pytest

from keras_elmo import BiLM, ElmoEmbeddingLayer, SourceError
from keras_elmo.sources import open_source
from tests.keras_elmo.hostile import refusal
from tests.keras_elmo.tiny import read_hdf5

pytestmark = pytest.mark.timeout(60)


def free_block_that_follows_itself(raw, file_address):
    heap = raw.index(b"HEAP")
    (data,) = struct.unpack_from("<Q", raw, heap + 24)
    struct.pack_into("<Q", raw, heap + 16, 8)  # where the first free block is
    struct.pack_into("<QQ", raw, data + 8, 8, 16)  # where the next one is, and its size


def type_that_is_its_own(raw, file_address):
    message = file_address + 16
    while struct.unpack_from("<H", raw, message)[0] != 3:  # the message of the type
        message += 8 + struct.unpack_from("<H", raw, message + 2)[0]
    raw[message + 4] |= 2  # shared: it stands in the header of another object
    raw[message + 8 : message + 10] = bytes([2, 0])
    struct.pack_into("<Q", raw, message + 10, file_address)


def tree_that_is_its_own_child(raw, file_address):
    tree = raw.index(b"TREE")
    while raw[tree + 4] != 1:  # of chunks
        tree = raw.index(b"TREE", tree + 1)
    raw[tree + 5] = 1  # not a leaf
    for place in range(tree + 24, tree + 400, 8):
        (value,) = struct.unpack_from("<Q", raw, place)
        if 512 < value < len(raw) and value % 8 == 0:
            struct.pack_into("<Q", raw, place, tree)


@pytest.mark.parametrize(
    ("spoil", "end"),
    [
        (free_block_that_follows_itself, "it takes more memory than there is"),
        (type_that_is_its_own, "was ended by SIG"),
        (tree_that_is_its_own_child, "was ended by SIG"),
    ],
)
def test_a_file_made_for_the_faults_of_libhdf5_does_no_harm(folder, spoil, end):
    path = folder / "weights.hdf5"
    values = read_hdf5(path)
    with h5py.File(path, "w", libver="earliest") as file:
        for name, value in values.items():
            halves = tuple(-(-size // 2) for size in value.shape)
            file.create_dataset(name, data=value, chunks=halves)
        address = h5py.h5o.get_info(file["char_embed"].id).addr
    raw = bytearray(path.read_bytes())
    spoil(raw, address)
    path.write_bytes(raw)
    line = refusal(folder)
    assert line.startswith(f"Cannot read ELMo weights from {path}: ")
    assert end in line


@pytest.fixture
def trials(monkeypatch):
    """Returns the processes that were started, as they come."""
    started = []
    run = subprocess.run

    def run_and_note(*arguments, **options):
        started.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", run_and_note)
    return started


def test_a_file_is_tried_once_until_it_changes(folder, trials):
    for _ in range(2):
        opened = open_source(folder)
        opened.load(BiLM(opened.options))
    assert len(trials) == 1
    with h5py.File(folder / "weights.hdf5", "a") as file:
        file["char_embed"][0, 0] = np.nan
    assert "char_embed" in refusal(folder)
    assert len(trials) == 2


def test_the_included_model_is_not_tried(trials):
    ElmoEmbeddingLayer()
    assert not trials


PROGRAMS = {  # a program -> what is said where it is taken for a Python
    "exit 1": "failed: it said nothing\nhint: name a Python",
    "echo hello; cat > /dev/null": "failed: it said nothing\nhint: name a Python",
    "echo it knows no -I >&2; exit 2": "failed: it knows no -I\nhint: name a Python",
    "kill -9 $$": "was ended by SIGKILL: the file is broken, .* or memory is short$",
    None: "failed: .* No such file or directory: .*\nhint: name a Python",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_no_python_can_be_started_the_file_is_refused(
    folder, tmp_path, monkeypatch, program
):
    path = tmp_path / "program"
    if program is not None:
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)
    monkeypatch.setattr(spawn, "get_executable", lambda: str(path))
    with pytest.raises(SourceError, match=PROGRAMS[program]) as caught:
        open_source(folder)
    assert str(folder / "weights.hdf5") in str(caught.value)


@pytest.mark.parametrize("how", ["frozen", "embedded", "in its own trial"])
def test_a_program_that_is_no_python_does_not_start_itself(
    folder, monkeypatch, trials, how
):
    if how == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    elif how == "embedded":
        monkeypatch.setattr(spawn, "get_executable", lambda: None)
    else:
        monkeypatch.setenv("KERAS_ELMO_HDF5_TRIAL", "1")
    with pytest.raises(SourceError, match="there is no Python that could try it\nhint"):
        open_source(folder)
    assert not trials


def test_what_is_no_text_in_the_import_path_is_passed_over(folder, monkeypatch):
    places = [pathlib.Path("/nowhere"), None, "relative", *sys.path]
    monkeypatch.setattr(sys, "path", places)
    assert open_source(folder).options


def test_what_a_python_prints_beside_does_not_matter(folder, tmp_path, monkeypatch):
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nprintf "hello {{}}"\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setattr(spawn, "get_executable", lambda: os.fsencode(path))
    assert open_source(folder).options


def test_the_package_is_found_wherever_it_was_imported_from(
    folder, repository, tmp_path
):
    program = (
        "import os, sys; sys.path.insert(0, '');"
        "from keras_elmo.sources import open_source; sys.path.remove('');"
        f"os.chdir({str(tmp_path)!r}); open_source({str(folder)!r}); print('read')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env={name: v for name, v in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "read\n", done.stderr


def test_modules_of_the_working_folder_are_not_those_of_the_trial(
    folder, tmp_path, monkeypatch
):
    (tmp_path / "json.py").write_text("raise SystemExit('of a stranger')")
    monkeypatch.chdir(tmp_path)
    assert open_source(folder).options
