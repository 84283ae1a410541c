"""The words and characters of texts as numbers, and which of them are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf

from keras_elmo.text import ELMO, first_tokens

WORDS = "words"
CHARACTERS = "characters"

_DTYPE = np.dtype("<i8")
# Words get 63 bits: among ten million known ones, one new word in a million million
# is taken for one of them.
_FINGERPRINTS = 2**63 - 1
_MOST_TOKENS = 10_000  # of a text
_LEAST_PENDING = 8 * 2**20  # bytes


def units(tokens: tf.RaggedTensor) -> dict[str, tf.RaggedTensor]:
    """Returns the units of tokens, string `(batch, (time))`, under their names.

    `words` are the tokens as they stand, case and all: int64 `(batch, (time))`, a
    fingerprint each. `characters` are the code points within them: int64
    `(batch, (characters))`.
    """
    fingerprints = tf.strings.to_hash_bucket_fast(tokens.flat_values, _FINGERPRINTS)
    spelled = tf.strings.unicode_decode(tokens.flat_values, "UTF-8")
    characters = tokens.with_flat_values(tf.cast(spelled, tf.int64)).merge_dims(1, 2)
    return {WORDS: tokens.with_flat_values(fingerprints), CHARACTERS: characters}


def tokens_of(texts: Sequence[bytes], tokenizer: str = ELMO) -> tf.RaggedTensor:
    """Tokenises texts as the pipeline does; returns string `(batch, (time))`.

    Of a text of more than a million characters only these are read.
    """
    texts = tf.constant(list(texts), tf.string)
    return first_tokens(texts, _MOST_TOKENS, tokenizer=tokenizer)[0]


def pack(numbers: Iterable[int] | np.ndarray) -> bytes:
    """Returns the distinct numbers, sorted, as 8 bytes each."""
    return np.unique(np.asarray(numbers, _DTYPE)).tobytes()


def unknown_shares(numbers: tf.RaggedTensor, known: bytes) -> list[float | None]:
    """Returns the share of each text's units that are not known; no unit.

    Args:
        numbers: int64 `(batch, (units))`.
        known: Packed numbers.

    Returns:
        One share per text, None for a text without units.
    """
    flat = numbers.flat_values.numpy()
    known_numbers = np.frombuffer(known, _DTYPE)
    unknown = np.ones(len(flat), bool)
    if len(known_numbers):
        places = np.searchsorted(known_numbers, flat)
        unknown = known_numbers[np.minimum(places, len(known_numbers) - 1)] != flat
    lengths = numbers.row_lengths().numpy()
    counts = np.bincount(
        numbers.value_rowids().numpy(), weights=unknown, minlength=len(lengths)
    )
    return [
        float(count / length) if length else None
        for count, length in zip(counts, lengths, strict=True)
    ]


class Distinct(beam.CombineFn):
    """Unites packed numbers into packed numbers, in memory that grows with them only.

    An accumulator is a list: the numbers united so far, then those that wait. When as
    many wait, all are united again, so that each is sorted a few times at most.
    """

    def create_accumulator(self) -> list[bytes]:
        """Returns the accumulator of no numbers."""
        return [b""]

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        """Adds the packed numbers of a batch."""
        accumulator.append(element)
        waiting = sum(map(len, accumulator)) - len(accumulator[0])
        if waiting > max(_LEAST_PENDING, len(accumulator[0])):
            return self.compact(accumulator)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        """Unites what several workers found."""
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged = self.compact([*merged, *accumulator])
        return merged

    def compact(self, accumulator: list[bytes]) -> list[bytes]:
        """Unites what waits, before it is sent to another worker."""
        if len(accumulator) == 1:
            return accumulator
        return [pack(np.frombuffer(b"".join(accumulator), _DTYPE))]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        """Returns all numbers, packed."""
        return self.compact(accumulator)[0]
