"""What the transform graph of a run makes of texts, outside the pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from pipeline import features

_MOST_TOKENS = 1024  # of a text, when looking for the limits between lengths


class TransformGraph:
    """Cuts texts into tokens as a run does, and tells short ones from long ones.

    Args:
        uri: Folder of the TransformGraph artifact.
    """

    def __init__(self, uri: str) -> None:
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
        # Asked, as the graph keeps the limits to itself.
        texts = ["a " * count for count in range(_MOST_TOKENS + 1)]
        names = [
            name.decode()
            for name in self._transform(texts)[features.LENGTH_BUCKET].numpy().tolist()
        ]
        limits: dict[str, tuple[int, int | None]] = {}
        for name in features.LENGTH_BUCKETS:
            counts = [count for count, other in enumerate(names) if other == name]
            if counts:
                last = None if counts[-1] == _MOST_TOKENS else counts[-1]
                limits[name] = counts[0], last
        return limits

    def _transform(self, texts: Sequence[str]) -> dict[str, tf.Tensor]:
        examples = [_example(text) for text in texts]
        return self._layer(tf.io.parse_example(examples, self._spec))


def _example(text: str) -> bytes:
    made = tf.train.Example()
    made.features.feature[features.TEXT].bytes_list.value.append(text.encode("utf-8"))
    return made.SerializeToString()
