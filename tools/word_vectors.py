r"""Trains the word vectors that the n-grams of the head are read with.

Example:
  elmo-tfx pretrain --corpus 'texts/*.txt' --output default/ --prepare-only
  pip install gensim==4.4.0
  python -m tools.word_vectors default/training/corpus \
      --output pipeline/training/word_vectors.npz
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from keras_elmo.pretraining.corpus import FIRST_TYPE, Corpus
from pipeline.training.ngrams import hashed

_DIM = 64
_WINDOW = 8  # words to each side: wide, for what texts are about and not for syntax
_LEAST_COUNT = 15  # of a word in all texts
_PASSES = 4
_SAMPLED = 5  # other words for each
_SAMPLE = 1e-4  # share of all words from which one is not always read
_AT_ONCE = 200  # words that are read as one text
# A word of this share of all words weighs half. Source: Arora et al. 2017, "A simple
# but tough-to-beat baseline for sentence embeddings", equation 3.
_HALF = 1e-3
_FREQUENT = 5000  # words whose mean is subtracted from all vectors


@click.command(epilog="\b\n" + (__doc__ or "").partition("\n\n")[2])
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option("--threads", default=2, show_default=True)
def main(corpus: Path, output: Path, threads: int) -> None:
    """Train vectors of the words of CORPUS, which `elmo-tfx pretrain` prepared.

    Upper and lower case are one. Skip-grams with negative samples, by gensim: about
    fifteen minutes on two cores. With more than one thread no two trainings are the
    same. The hash of the file belongs into pipeline/training/word_vectors.py.
    """
    try:
        texts = Texts(Corpus(corpus))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise click.UsageError("it needs gensim: pip install gensim==4.4.0") from error
    model = Word2Vec(
        texts,
        vector_size=_DIM,
        window=_WINDOW,
        min_count=_LEAST_COUNT,
        sg=1,
        negative=_SAMPLED,
        sample=_SAMPLE,
        epochs=_PASSES,
        workers=threads,
        seed=1,
    )
    words = model.wv.index_to_key  # the most frequent first
    counts = np.array([model.wv.get_vecattr(word, "count") for word in words])
    arrays = stored(words, counts, model.wv.vectors)
    np.savez_compressed(output, **arrays)
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    click.echo(f"{len(arrays['ids']):,} words in {output}, SHA-256 {digest}")


class Texts:
    """The words of a corpus in lower case, some at a time, as often as wanted."""

    def __init__(self, corpus: Corpus) -> None:
        self._ids = corpus.train
        self._words = [word.lower() for word in corpus.words]

    def __iter__(self) -> Iterator[list[str]]:
        for start in range(0, len(self._ids), _AT_ONCE):
            ids = self._ids[start : start + _AT_ONCE]
            yield [self._words[word] for word in ids[ids >= FIRST_TYPE].tolist()]


def stored(
    words: list[str], counts: np.ndarray, vectors: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns what the pipeline reads: vectors by the hash of their words.

    Args:
        words: The most frequent first, in lower case.
        counts: int `(words,)`.
        vectors: float `(words, dim)`.

    Returns:
        `ids`, int32 `(n,)`, rising; `vectors`, int8 `(n, dim)`; and `scales`, float16
        `(n,)`, by which they are multiplied.
    """
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors - vectors[:_FREQUENT].mean(axis=0)
    vectors *= (_HALF / (_HALF + counts / counts.sum()))[:, None]
    # Of two with the same hash, the frequent one.
    ids, first = np.unique(hashed(words).numpy(), return_index=True)
    vectors = vectors[first]
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float16)
    rounded = np.round(vectors / np.maximum(scales, 1e-7)[:, None].astype(np.float32))
    return {
        "ids": ids.astype(np.int32),
        "vectors": np.clip(rounded, -127, 127).astype(np.int8),
        "scales": scales,
    }


if __name__ == "__main__":
    main()
