"""Encodes the texts of a store on the workers of a Beam runner.

The texts lie beside the segments while the job runs, those of one segment in a file.
Each worker writes the segment of the file that it was given. So the folder has to be on
a disk that every worker mounts. What an interrupted job has written, the next one
finds.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from components.progress import tell
from keras_elmo import ElmoEmbeddingLayer
from pipeline.files import hidden_folder
from pipeline.training.data import LabelledTokens
from pipeline.training.segment_encoding import (
    SUFFIX,
    TEXTS_ENCODED,
    Encode,
    encode_by,
    segment_parts,
    write_segment,
)
from pipeline.training.segments import Segment

_LOGGER = logging.getLogger(__name__)
_LOOK_SECONDS = 2.0  # between two looks at how far the workers are
_MOUNT = (
    "hint: train.encode_with_beam needs the output folder on a disk that each worker "
    "mounts at the same place; without it, the Trainer encodes the texts itself"
)


class EncodeOnWorkers:
    """An `Encoding` on the workers of a runner.

    Args:
        encoder: The layer; a worker makes it again from its configuration.
        beam_args: Which runner, and what it is told.
    """

    def __init__(self, encoder: ElmoEmbeddingLayer, beam_args: Sequence[str]) -> None:
        self._layer = encoder.get_config()
        self._beam_args = list(beam_args)

    def __call__(
        self, folder: Path, data: LabelledTokens, texts: np.ndarray, keys: np.ndarray
    ) -> Iterator[Segment]:
        """Yields the segments as `Encoding` says, when all of them are written.

        Raises:
            ValueError: A segment is not there: the workers write elsewhere.
        """
        parts = segment_parts(data.lengths[texts])
        if not parts:
            return
        with hidden_folder(folder / "texts") as work:
            files = {
                _write_texts(work, data, texts[part], keys[part]): part.stop
                - part.start
                for part in parts
            }
            _LOGGER.info("%d texts are encoded in %d pieces", len(texts), len(files))
            with _told(files):
                self._run(list(files))
            for path in files:
                segment = _segment_of(path)
                if not segment.exists():
                    raise ValueError(f"no worker wrote {segment}\n{_MOUNT}")
                yield Segment.read(segment)

    def _run(self, files: Sequence[Path]) -> None:
        options = PipelineOptions(self._beam_args)
        with beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | "Texts" >> beam.Create(list(map(str, files)))
                | "SpreadTexts" >> beam.Reshuffle()
                | "Encode" >> beam.ParDo(_EncodeTexts(self._layer))
            )


class _EncodeTexts(beam.DoFn):
    """Writes the segment of a file of texts, unless an earlier try has done so.

    The layer is made once per process, however many threads and bundles it has.
    """

    def __init__(self, layer: Mapping[str, Any]) -> None:
        super().__init__()
        self._layer = dict(layer)
        self._shared = Shared()

    def process(self, element: str) -> Iterator[str]:
        path = Path(element)
        segment = _segment_of(path)
        if not segment.exists():
            data, keys = _read_texts(path)
            texts = np.arange(len(keys))
            encode = self._shared.acquire(self._load)
            write_segment(segment, data, texts, keys, encode)
            # Who cleans up must not take the folder for one that was left behind.
            os.utime(path.parent)
        yield element

    def _load(self) -> Encode:
        return encode_by(ElmoEmbeddingLayer.from_config(self._layer))


def _segment_of(path: Path) -> Path:
    return path.parent.parent / f"{path.stem}{SUFFIX}"


def _write_texts(
    folder: Path, data: LabelledTokens, texts: np.ndarray, keys: np.ndarray
) -> Path:
    """Writes the tokens of some texts to a file of a new name."""
    ids = [data.word_ids[data.starts[text] : data.starts[text + 1]] for text in texts]
    used, places = np.unique(np.concatenate(ids), return_inverse=True)
    # No token holds a line break: they were split at white space.
    words = b"\n".join(data.words[used].tolist())
    path = folder / f"{os.urandom(16).hex()}.npz"
    np.savez_compressed(
        path,
        words=np.frombuffer(words, np.uint8),
        word_ids=places.astype(np.int32) + 1,
        lengths=data.lengths[texts],
        keys=keys,
    )
    return path


def _read_texts(path: Path) -> tuple[LabelledTokens, np.ndarray]:
    """Returns the texts of a file and their keys; no labels.

    Raises:
        ValueError: It is not there.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            words = file["words"].tobytes().split(b"\n")
            lengths, keys = file["lengths"], file["keys"]
            word_ids = file["word_ids"]
    except FileNotFoundError:
        raise ValueError(f"{path} is not there for a worker\n{_MOUNT}") from None
    table = np.empty(len(words) + 1, object)
    table[:] = [b"", *words]
    data = LabelledTokens(
        words=table,
        word_ids=word_ids,
        starts=np.cumsum([0, *lengths], dtype=np.int64),
        labels=np.zeros(len(keys), np.int32),
        splits={},
    )
    return data, keys


@contextlib.contextmanager
def _told(files: Mapping[Path, int]) -> Iterator[None]:
    """Tells how many texts the workers have encoded, as long as the block lasts.

    Args:
        files: Of texts, and how many are in each.
    """
    total, end = sum(files.values()), threading.Event()

    def look() -> None:
        waiting, done = dict(files), 0
        while waiting:
            for path in [each for each in waiting if _segment_of(each).exists()]:
                done += waiting.pop(path)
            tell(TEXTS_ENCODED, done, total)
            if end.wait(_LOOK_SECONDS):
                break

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    tell(TEXTS_ENCODED, total, total)
