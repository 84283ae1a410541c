"""How the embeddings of training texts are computed, before the store keeps them.

The model that is pushed computes in float32. What a head is trained on may come from
bfloat16, where the processor multiplies it faster: its error of 0.4 % of a value is
small beside the 12 % of a vector that the store's four bits cost.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer
from pipeline.files import read_regular, write_whole
from pipeline.fingerprints import code_version
from pipeline.precision import AUTO, BFLOAT16, FLOAT32, has_bfloat16, machine
from pipeline.training.data import LabelledTokens
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.encoding_job import EncodeOnWorkers
from pipeline.training.segment_encoding import (
    Encode,
    Encoding,
    encode_by,
    encoding_batches,
)

_LOGGER = logging.getLogger(__name__)
_GIB = 2**30  # bytes
# Their code decides what the store holds of a text.
_OF_ACTIVATIONS = ("keras_elmo.layer", "pipeline.training.segments")

_MEASURED = "precision.json"  # in the root of the store
_WORTH_IT = 1.2  # times as fast
_TIMES = 3  # that each is measured
_TEXTS = 64  # as many tell the same as a whole batch of short ones
_LEAST_TOKENS = 50_000  # encoded in seconds: to measure takes as long
# What is raised where the file of the measurements holds something else.
_NOT_AS_WRITTEN = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError),
    *(OverflowError, RecursionError),
)


def open_store(
    root: str | Path,
    data: LabelledTokens,
    encoder: ElmoEmbeddingLayer,
    *,
    elmo_version: str,
    cache_gib: float,
    precision: str = FLOAT32,
    beam_args: Sequence[str] | None = None,
) -> EmbeddingStore:
    """Opens the store at `root` for some texts, with what `encoder` returns.

    Args:
        root: A folder of a local file system.
        data: The texts.
        encoder: What `build_encoder` returned, frozen and as its source has it.
        elmo_version: Changes with the weights of `encoder`.
        cache_gib: Most GiB of the whole store.
        precision: In which numbers: `float32`, `bfloat16`, or `auto`: whichever was
            faster on this machine when it was measured for this store. That is done
            once, and only where the processor has bfloat16 and there is enough text.
        beam_args: The texts are encoded by a Beam job with these options, of which each
            worker sees `root` and the source of `encoder`; None: here.
    """
    version = f"{elmo_version} {code_version(*_OF_ACTIVATIONS)}"
    encoders = _Encoders(encoder)
    if precision == AUTO:
        precision = _faster(Path(root), data, encoders, version)
    if precision != FLOAT32:
        version = f"{version} {precision}"
    encoding: Encoding | None = None
    if beam_args is not None:
        encoding = EncodeOnWorkers(encoders.layer(precision), beam_args)
    return EmbeddingStore(
        Path(root),
        hashlib.sha256(version.encode()).hexdigest()[:16],  # the name of a folder
        data,
        encoders.function(precision),
        num_layers=encoder.num_layers,
        dim=encoder.dim,
        bound_bytes=int(cache_gib * _GIB),
        precision=precision,
        encoding=encoding,
    )


class _Encoders:
    """A layer in several precisions, each made once, when it is asked for.

    Args:
        encoder: In float32.
    """

    def __init__(self, encoder: ElmoEmbeddingLayer) -> None:
        self._layers = {FLOAT32: encoder}
        self._functions: dict[str, Encode] = {}

    def layer(self, precision: str) -> ElmoEmbeddingLayer:
        """Returns the layer, from the same source, in these numbers."""
        if precision not in self._layers:
            config = {**self._layers[FLOAT32].get_config(), "dtype": precision}
            self._layers[precision] = ElmoEmbeddingLayer.from_config(config)
        return self._layers[precision]

    def function(self, precision: str) -> Encode:
        """Returns the function of that layer; its graph is made on the first call."""
        if precision not in self._functions:
            self._functions[precision] = encode_by(self.layer(precision))
        return self._functions[precision]


def _faster(root: Path, data: LabelledTokens, encoders: _Encoders, version: str) -> str:
    """Returns the precision that is faster on this machine, as it was measured once."""
    if data.lengths.sum() < _LEAST_TOKENS or not _has_bfloat16():
        return FLOAT32
    path = root / _MEASURED
    here = f"{machine()}, tensorflow {tf.__version__}, {version}"
    known = _read(path)
    if here not in known:
        order = np.argsort(data.lengths, kind="stable")
        # Neither the shortest texts nor the longest.
        batches = list(encoding_batches(order, data.lengths))
        tokens = data.tokens(batches[len(batches) // 2][:_TEXTS])
        try:
            known[here] = _seconds(encoders, tokens)
            root.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(known, indent=2) + "\n")
        # A GPU without room or a full disk: what is not known is not needed.
        except (OSError, tf.errors.OpError) as error:
            _LOGGER.warning("How fast bfloat16 is was not measured: %s", error)
            return FLOAT32
    seconds = known[here]
    gain = seconds[FLOAT32] / seconds[BFLOAT16]
    _LOGGER.info("In bfloat16, texts are encoded %.2f times as fast", gain)
    return BFLOAT16 if gain >= _WORTH_IT else FLOAT32


def _seconds(encoders: _Encoders, tokens: np.ndarray) -> dict[str, float]:
    """Returns precision -> how long a batch takes: the least of several, in turn."""
    ways = {each: encoders.function(each) for each in (FLOAT32, BFLOAT16)}
    for encode in ways.values():
        encode(tokens)  # makes the graph
    seconds = dict.fromkeys(ways, math.inf)
    for _, (name, encode) in itertools.product(range(_TIMES), ways.items()):
        started = time.perf_counter()
        encode(tokens)
        seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds


def _read(path: Path) -> dict[str, Any]:
    """Returns what was measured before; what is damaged is measured anew."""
    try:
        known = json.loads(read_regular(path))
        return {
            machine: {name: float(seconds[name]) for name in (FLOAT32, BFLOAT16)}
            for machine, seconds in known.items()
            if 0 < seconds[FLOAT32] < math.inf and 0 < seconds[BFLOAT16] < math.inf
        }
    except FileNotFoundError:
        return {}
    except _NOT_AS_WRITTEN as error:
        _LOGGER.warning("%s is damaged and made anew: %s", path, error)
        return {}


def _has_bfloat16() -> bool:
    """Returns whether products in bfloat16 may be faster here."""
    return bool(tf.config.list_physical_devices("GPU")) or has_bfloat16()
