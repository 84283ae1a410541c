"""Texts are encoded on the workers of a Beam runner as they would be here."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from components.progress import listening
from pipeline.config.checked import complete_beam_args
from pipeline.files import hidden_leftovers
from pipeline.training import encoding_job, segment_encoding
from pipeline.training.encoding import open_store
from pipeline.training.model import build_encoder
from tests.beam_runners import LONG_ON_FLINK
from tests.pipeline.training.storing import data_of, segments

WORDS = np.array([b"", b"A", b"fine", b"film", b".", "é".encode()], object)
TEXTS = [[1, 2, 3, 4], [2], [3, 4], [], [5, 5, 1, 1], [2], [4, 3, 2, 1]]


@pytest.fixture(scope="module")
def encoder(small_elmo):
    return build_encoder({"source": str(small_elmo)})


@pytest.fixture
def many_segments(monkeypatch):
    monkeypatch.setattr(segment_encoding, "TOKENS_PER_SEGMENT", 5)


def opened(folder, encoder, texts=TEXTS, *, beam_args=None):
    return open_store(
        folder,
        data_of(texts, WORDS),
        encoder,
        elmo_version="1",
        cache_gib=1,
        beam_args=beam_args,
    )


def test_the_vectors_are_those_of_a_store_that_was_filled_here(
    tmp_path, encoder, many_segments
):
    here = opened(tmp_path / "here", encoder)
    there = opened(tmp_path / "there", encoder, beam_args=complete_beam_args(()))
    assert len(segments(tmp_path / "there")) > 1
    assert there.facts.encoded_examples == here.facts.encoded_examples == 6
    assert there.facts.cached_examples == len(TEXTS)
    order = np.arange(len(TEXTS))[::-1]
    np.testing.assert_allclose(there.read(order), here.read(order), atol=1e-5)


def test_what_is_stored_already_goes_to_no_worker(tmp_path, encoder, monkeypatch):
    opened(tmp_path, encoder, TEXTS[:3]).close()
    before = segments(tmp_path)
    store = opened(tmp_path, encoder, beam_args=complete_beam_args(()))
    assert store.facts.encoded_examples == 3
    assert set(before) < set(segments(tmp_path))
    store.close()
    monkeypatch.setattr(encoding_job.EncodeOnWorkers, "_run", lambda *_: 1 / 0)
    assert (
        opened(
            tmp_path, encoder, beam_args=complete_beam_args(())
        ).facts.encoded_examples
        == 0
    )


def test_nothing_is_left_beside_the_segments(tmp_path, encoder):
    opened(tmp_path, encoder, beam_args=complete_beam_args(()))
    [folder] = {each.parent for each in segments(tmp_path)}
    assert not hidden_leftovers(folder)
    assert list(folder.iterdir()) == segments(tmp_path)


def test_it_tells_how_many_texts_are_encoded(tmp_path, encoder, many_segments):
    told = []
    with listening(lambda what, done, total, note: told.append((what, done, total))):
        opened(tmp_path, encoder, beam_args=complete_beam_args(()))
    assert told[0] == ("texts encoded", 0, 6)
    assert told[-1] == ("texts encoded", 6, 6)


def test_a_worker_that_does_not_see_the_folder_says_what_to_do(
    tmp_path, encoder, monkeypatch
):
    run = encoding_job.EncodeOnWorkers._run

    def elsewhere(self, files):
        shutil.rmtree(files[0].parent)
        run(self, files)

    monkeypatch.setattr(encoding_job.EncodeOnWorkers, "_run", elsewhere)
    with pytest.raises(Exception, match=r"is not there for a worker\nhint: train\.enc"):
        opened(tmp_path, encoder, beam_args=complete_beam_args(()))


def test_segments_that_cannot_be_seen_here_are_missed(tmp_path, encoder, monkeypatch):
    monkeypatch.setattr(encoding_job.EncodeOnWorkers, "_run", lambda *_: None)
    with pytest.raises(ValueError, match=r"no worker wrote .*\.segment\nhint: train"):
        opened(tmp_path, encoder, beam_args=complete_beam_args(()))


def test_a_try_that_comes_again_leaves_a_finished_segment_alone(tmp_path, encoder):
    data = data_of(TEXTS, WORDS)
    path = encoding_job._write_texts(tmp_path, data, np.arange(2), data.keys()[:2])
    (tmp_path.parent / f"{path.stem}.segment").write_text("finished")
    do = encoding_job._EncodeTexts(encoder.get_config())
    assert list(do.process(str(path))) == [str(path)]
    assert (tmp_path.parent / f"{path.stem}.segment").read_text() == "finished"


@pytest.mark.slow
def test_worker_processes_fill_it_too(tmp_path, encoder, many_segments):
    args = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    store = opened(tmp_path / "there", encoder, beam_args=complete_beam_args(args))
    here = opened(tmp_path / "here", encoder)
    order = np.arange(len(TEXTS))
    np.testing.assert_allclose(store.read(order), here.read(order), atol=1e-5)


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "beam_runner", ["job-service", "prism", LONG_ON_FLINK], indirect=True
)
def test_runners_that_serve_fill_it_too(tmp_path, encoder, many_segments, beam_runner):
    args = complete_beam_args(beam_runner.options)
    store = opened(tmp_path / "there", encoder, beam_args=args)
    here = opened(tmp_path / "here", encoder)
    order = np.arange(len(TEXTS))
    np.testing.assert_allclose(store.read(order), here.read(order), atol=1e-5)
