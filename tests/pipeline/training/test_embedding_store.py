"""The store of activations: what it returns and keeps, its bound, its end."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest

from components.progress import listening
from pipeline.training import segment_encoding
from pipeline.training.embedding_store import MeanLayer
from pipeline.training.segments import Segment
from tests.pipeline.training.storing import (
    BYTES_PER_TOKEN,
    DIM,
    HEADERS,
    TEXTS,
    Encoder,
    assert_reads_all,
    data_of,
    open_store,
    segments,
    used_at,
)


def test_the_mean_of_a_text_is_that_of_its_layers_and_tokens(tmp_path):
    store = open_store(tmp_path, Encoder())
    # Text 0: 1, 2, 3, and 11, 12.25, 13.5; text 2: 3, and 13; text 3: 2, 2, 12, 12.25.
    means = [13.0, 7.0625, 0.0, (6 + 36.75) / 6]
    found = store.means(np.array([2, 3, 1, 0]))
    assert found == pytest.approx(np.repeat([[8.0], *([m] for m in means[1:])], DIM, 1))


def test_each_text_is_encoded_once_in_its_life(tmp_path):
    encoder = Encoder()
    for _ in range(2):  # runs
        store = open_store(tmp_path, encoder)
        for _ in range(3):  # epochs
            assert_reads_all(store)
        assert store.facts.cached_examples == store.facts.examples == len(TEXTS)
        store.close()
    assert encoder.texts == len(TEXTS)
    assert store.facts.encoded_examples == 0


def test_a_run_encodes_only_what_is_new_to_it(tmp_path):
    open_store(tmp_path, Encoder(), TEXTS[:2]).close()
    encoder = Encoder()
    store = open_store(tmp_path, encoder, TEXTS)
    assert_reads_all(store)
    assert encoder.texts == store.facts.encoded_examples == 2
    assert len(segments(tmp_path)) == 2


def test_equal_texts_are_encoded_once(tmp_path):
    encoder = Encoder()
    store = open_store(tmp_path, encoder, TEXTS * 3)
    assert_reads_all(store, TEXTS * 3)
    assert encoder.texts == len(TEXTS)
    assert store.facts.cached_examples == 3 * len(TEXTS)


def test_another_elmo_has_vectors_of_its_own(tmp_path):
    open_store(tmp_path, Encoder()).close()
    encoder = Encoder()
    store = open_store(tmp_path, encoder, version="w")
    assert_reads_all(store)
    assert encoder.texts == len(TEXTS)


def test_it_tells_how_many_of_the_texts_are_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr(segment_encoding, "_MAX_TEXTS_PER_CALL", 2)
    progress = []
    with listening(lambda *told: progress.append(told)):
        open_store(tmp_path, Encoder()).close()
        open_store(tmp_path, Encoder()).close()  # nothing is encoded
    assert progress == [("texts encoded", 2, 4, ""), ("texts encoded", 4, 4, "")]


def test_no_call_of_the_encoder_has_too_many_tokens_or_texts(monkeypatch):
    monkeypatch.setattr(segment_encoding, "_MAX_TEXTS_PER_CALL", 3)
    monkeypatch.setattr(segment_encoding, "_TOKENS_PER_CALL", 10)
    lengths = np.array([0, 0, 1, 1, 4, 5, 5, 6, 99])  # padding counts as well
    batches = segment_encoding.encoding_batches(np.arange(9), lengths)
    assert [batch.tolist() for batch in batches] == [
        [0, 1, 2],
        [3, 4],
        [5, 6],
        [7],
        [8],
    ]


def test_the_longest_texts_beyond_the_bound_are_encoded_in_each_epoch(tmp_path, caplog):
    encoder = Encoder()
    bound = 3 * BYTES_PER_TOKEN + 3 * 20 + HEADERS  # texts of 0, 1 and 2 tokens
    with caplog.at_level(logging.WARNING):
        store = open_store(tmp_path, encoder, bound_bytes=bound)
    assert "no room for 1 of 4 new texts" in caplog.text
    assert store.facts.cached_examples == 3
    for epoch in range(3):
        assert_reads_all(store)
        assert encoder.texts == 3 + epoch + 1


def test_without_a_bound_nothing_is_kept(tmp_path):
    open_store(tmp_path, Encoder()).close()
    store = open_store(tmp_path, Encoder(), bound_bytes=0)
    assert_reads_all(store)
    assert store.facts.bytes == store.facts.cached_examples == 0
    assert not segments(tmp_path)


def test_what_was_used_longest_ago_makes_room(tmp_path):
    texts = [[1] * 50, [2] * 51, [3] * 52, [1, 2] * 27]
    for number, text in enumerate(texts[:3]):
        open_store(tmp_path, Encoder(), [text]).close()
        newest = max(segments(tmp_path), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (1000 * number, 1000 * number))
    open_store(tmp_path, Encoder(), texts[:1]).close()  # used again: now the newest
    bound = sum(path.stat().st_size for path in segments(tmp_path)) + 300
    open_store(tmp_path, Encoder(), texts[3:], bound_bytes=bound).close()
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= bound
    encoder = Encoder()
    store = open_store(tmp_path, encoder, texts)
    assert_reads_all(store, texts)
    assert encoder.texts == 1  # the second: the first was used after it
    assert store.facts.cached_examples == len(texts)


def test_room_is_made_in_the_folders_of_other_elmos_too(tmp_path):
    open_store(tmp_path, Encoder(), version="old").close()
    used_at(tmp_path, 1000)
    [old] = segments(tmp_path)
    bound = old.stat().st_size + 100
    store = open_store(tmp_path, Encoder(), bound_bytes=bound)
    assert store.facts.cached_examples == len(TEXTS)
    assert not old.exists()


def test_no_room_is_made_behind_a_link(tmp_path):
    open_store(tmp_path / "other", Encoder(), version="old").close()
    (tmp_path / "own").mkdir()
    [folder] = (path for path in (tmp_path / "other").iterdir() if path.is_dir())
    (tmp_path / "own" / "linked").symlink_to(folder)
    open_store(tmp_path / "own", Encoder(), bound_bytes=1).close()
    assert segments(tmp_path / "other")


def test_a_lower_bound_holds_for_what_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(segment_encoding, "_MAX_TEXTS_PER_CALL", 1)
    monkeypatch.setattr(segment_encoding, "TOKENS_PER_SEGMENT", 1)
    open_store(tmp_path, Encoder()).close()
    sizes = [path.stat().st_size for path in segments(tmp_path)]
    bound = sum(sizes) - 1
    store = open_store(tmp_path, Encoder(), bound_bytes=bound)
    assert_reads_all(store)
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= bound


def test_a_killed_run_leaves_the_segments_it_has_written(tmp_path, monkeypatch):
    monkeypatch.setattr(segment_encoding, "_MAX_TEXTS_PER_CALL", 1)
    monkeypatch.setattr(segment_encoding, "TOKENS_PER_SEGMENT", 1)

    class Killed(Encoder):
        def __call__(self, tokens):
            if self.texts == 3:
                raise KeyboardInterrupt
            return super().__call__(tokens)

    with pytest.raises(KeyboardInterrupt):
        open_store(tmp_path, Killed())
    encoder = Encoder()
    store = open_store(tmp_path, encoder)
    assert_reads_all(store)
    # A text without a token waits for the next one, with which it makes a segment.
    assert encoder.texts < len(TEXTS)


def test_a_half_written_segment_is_never_read_and_goes(tmp_path, monkeypatch):
    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        patched.setattr("pipeline.files.remove", lambda _: None)
        with pytest.raises(SystemExit):
            open_store(tmp_path, Encoder())
    [left] = (tmp_path / "v").iterdir()
    assert_reads_all(open_store(tmp_path, Encoder()))
    assert left.exists()  # it may be another process's
    os.utime(left, (time.time() - 4000,) * 2)
    open_store(tmp_path, Encoder())
    assert not left.exists()


DAMAGES = (
    "cut",
    "empty",
    "other",
    "nan",
    "header",
    "no header",
    "code",
    "sum",
    "folder",
    "pipe",
    "earlier version",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_segment_is_made_anew(tmp_path, caplog, damage):
    open_store(tmp_path, Encoder()).close()
    [path] = segments(tmp_path)
    content = path.read_bytes()
    scales = Segment.read(path).scales
    nan = content.replace(scales.tobytes(), (scales * np.float32(np.nan)).tobytes())
    assert nan != content
    damaged = {
        "cut": content[:-1],
        "empty": b"",
        "other": b"x" * 99,
        "nan": nan,
        "header": content.replace(b"(", b"'", 1),
        "no header": content.replace(b"'descr'", b"'d(scr'", 1),
        "code": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "earlier version": content[:-4],
        "sum": content[:-1] + bytes([content[-1] ^ 1]),
    }
    if damage in damaged:
        path.write_bytes(damaged[damage])
    else:
        path.unlink()
        {"folder": Path.mkdir, "pipe": os.mkfifo}[damage](path)
    with caplog.at_level(logging.WARNING):
        store = open_store(tmp_path, Encoder())
    assert_reads_all(store)
    assert "cannot be used" in caplog.text and not path.exists()


def test_what_cannot_be_read_is_passed_over_and_stays(tmp_path, monkeypatch, caplog):
    """It may belong to somebody else, or lie on a disk that is going."""
    open_store(tmp_path, Encoder()).close()
    [path] = segments(tmp_path)
    loop = path.with_name("0.segment")
    loop.symlink_to(loop.name)
    read = Segment.read

    def refused(where):
        if where == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(where)

    monkeypatch.setattr(Segment, "read", refused)
    caplog.set_level(logging.WARNING)
    assert_reads_all(open_store(tmp_path, Encoder()))
    assert path.exists() and loop.is_symlink()
    assert f"{path} cannot be used (Permission denied)" in caplog.text
    assert f"{loop} cannot be used (Too many levels" in caplog.text


def test_a_file_in_the_place_of_its_folder_goes(tmp_path, caplog):
    (tmp_path / "v").write_text("x")
    assert_reads_all(open_store(tmp_path, Encoder()))
    assert segments(tmp_path) and "v is not a folder" in caplog.text


def test_where_nothing_may_be_written_or_removed_training_goes_on(
    tmp_path, monkeypatch, caplog
):
    open_store(tmp_path, Encoder(), TEXTS[:1]).close()

    def refused(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for name in ("remove", "os.utime", "Segment.write"):
        monkeypatch.setattr(f"pipeline.training.embedding_store.{name}", refused)
    store = open_store(tmp_path, Encoder())
    assert_reads_all(store)
    assert store.facts.cached_examples == 1
    open_store(tmp_path, Encoder(), TEXTS[2:], bound_bytes=0)
    assert "stays as it is: Permission denied" in caplog.text
    assert "Permission denied; 3 texts are encoded anew" in caplog.text


def test_where_no_folder_can_be_made_nothing_is_kept(tmp_path, caplog):
    (tmp_path / "file").write_text("x")
    assert_reads_all(open_store(tmp_path / "file" / "store", Encoder()))
    assert "stays as it is: Not a directory" in caplog.text


def test_two_runs_may_share_it_at_once(tmp_path):
    one = open_store(tmp_path, Encoder(), TEXTS[:3])
    encoder = Encoder()
    two = open_store(tmp_path, encoder, TEXTS)
    assert encoder.texts == 1
    open_store(tmp_path, Encoder(), [[1, 1]], bound_bytes=1)  # drops all segments
    assert not segments(tmp_path)
    assert_reads_all(one, TEXTS[:3])
    assert_reads_all(two)


def test_a_full_disk_costs_time_but_not_the_run(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    encoder = Encoder()
    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level(logging.WARNING):
        store = open_store(tmp_path, encoder)
    assert_reads_all(store)
    assert store.facts.bytes == store.facts.cached_examples == 0
    assert "No space left on device" in caplog.text


def test_an_activation_that_is_not_a_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="finite.*nan\nhint: .*elmo.source"):
        open_store(tmp_path, lambda tokens: Encoder()(tokens) * np.nan)


def test_a_token_takes_half_a_byte_a_value_and_a_scale_a_layer(tmp_path):
    texts = [[1] * 1000]
    store = open_store(tmp_path, Encoder(), texts)
    assert store.facts.bytes <= 1000 * BYTES_PER_TOKEN + HEADERS


def test_the_mean_of_the_layers_reads_as_one(tmp_path):
    store = open_store(tmp_path, Encoder())
    mean = MeanLayer(store)
    every = np.arange(len(TEXTS))
    assert (mean.num_layers, mean.dim) == (1, DIM)
    expected = Encoder()(data_of(TEXTS).tokens(every)).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(mean.read(every), expected, rtol=1e-6)


def test_the_facts_are_plain(tmp_path):
    facts = dataclasses.asdict(open_store(tmp_path, Encoder()).facts)
    assert all(type(value) in (int, float, str) for value in facts.values())


def test_another_process_may_remove_a_segment_at_any_moment(tmp_path, monkeypatch):
    open_store(tmp_path, Encoder(), TEXTS[:2]).close()
    read = Segment.read

    def read_and_lose(path):
        segment = read(path)
        path.unlink()
        return segment

    monkeypatch.setattr(Segment, "read", read_and_lose)
    store = open_store(tmp_path, Encoder(), TEXTS[:2])
    assert not segments(tmp_path)
    assert store.facts.bytes and store.facts.cached_examples == 2
    assert_reads_all(store, TEXTS[:2])
