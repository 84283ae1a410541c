"""hdf5 files are tried by another process: what it survives is opened, nothing else."""

from __future__ import annotations

import shutil
import struct
import subprocess
from multiprocessing import spawn

import h5py
import numpy as np
import pytest

from keras_elmo import BiLM, ElmoEmbeddingLayer
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
        (free_block_that_follows_itself, "it takes more memory than its tensors need"),
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


@pytest.mark.parametrize("program", ["false", "missing"])
def test_where_no_other_process_can_be_had_the_file_is_refused(
    folder, tmp_path, monkeypatch, program
):
    path = shutil.which("false") if program == "false" else str(tmp_path / program)
    monkeypatch.setattr(spawn, "get_executable", lambda: path)
    line = refusal(folder)
    assert line.startswith(f"Cannot read ELMo weights from {folder / 'weights.hdf5'}: ")


def test_modules_of_the_working_folder_are_not_those_of_the_trial(
    folder, tmp_path, monkeypatch
):
    (tmp_path / "json.py").write_text("raise SystemExit('of a stranger')")
    monkeypatch.chdir(tmp_path)
    assert open_source(folder).options
