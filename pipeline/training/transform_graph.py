"""What the transform graph of a run makes of texts, outside the pipeline."""

from __future__ import annotations

import bisect
import contextlib
import functools
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf.text_format import ParseError

from pipeline import features
from pipeline.errors import DAMAGED_GRAPH, RunError

_MOST_TOKENS = 1 << 20  # of a text, when looking for the limits between lengths


class TransformGraph:
    """Cuts texts into tokens as a run does, and tells short ones from long ones.

    Args:
        uri: Folder of the TransformGraph artifact.

    Raises:
        RunError: The graph is gone or damaged, which may show at its first use.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        with self._readable():
            transform = tft.TFTransformOutput(uri)
            self._layer = transform.transform_features_layer()
            # Without the label, on which neither depends.
            self._spec = {features.TEXT: transform.raw_feature_spec()[features.TEXT]}

    def tokens(self, texts: Sequence[str]) -> tf.SparseTensor:
        """Returns the tokens that the model reads, sparse string `(texts, time)`."""
        return self._transform(texts)[features.TOKENS]

    def length_limits(self) -> dict[str, tuple[int, int | None]]:
        """Returns third of the texts by length -> fewest and most tokens it has.

        A third that no length falls into is left out, as where nearly all texts have
        the same. The last one has no end: None.
        """
        # Asked, as the graph keeps the limits to itself: a longer text is never of a
        # shorter third.
        thirds = features.LENGTH_BUCKETS
        # The searches begin at the same counts.
        place_of = functools.cache(lambda count: thirds.index(self._third(count)))
        begins = {}
        for place, name in enumerate(thirds):
            begin = bisect.bisect_left(range(_MOST_TOKENS), place, key=place_of)
            if place_of(begin) == place:
                begins[name] = begin
        ends = [begin - 1 for begin in [*begins.values()][1:]]
        return {
            name: (begin, end)
            for (name, begin), end in zip(begins.items(), [*ends, None], strict=True)
        }

    def _third(self, count: int) -> str:
        """Returns in which third of the texts, by length, one of so many tokens is."""
        return (
            self._transform(["a " * count])[features.LENGTH_BUCKET].numpy()[0].decode()
        )

    def _transform(self, texts: Sequence[str]) -> dict[str, tf.Tensor]:
        examples = [_example(text) for text in texts]
        with self._readable():
            return self._layer(tf.io.parse_example(examples, self._spec))

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (*DAMAGED_GRAPH, tf.errors.OpError, ParseError) as error:
            raise RunError(
                "the transform graph of the run is gone or damaged: "
                f"{self._uri} cannot be used ({str(error).partition(chr(10))[0]})\n"
                "hint: bring back a copy of that folder, or run `elmo-tfx run` again"
            ) from error


def _example(text: str) -> bytes:
    made = tf.train.Example()
    made.features.feature[features.TEXT].bytes_list.value.append(text.encode("utf-8"))
    return made.SerializeToString()
