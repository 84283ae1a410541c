"""Sequences of varying length, cut and padded at their end to a maximum."""

from keras_elmo import ElmoEmbeddingLayer

elmo = ElmoEmbeddingLayer(max_sequence_length=4)

sentences = [
    ["a", "sentence", "that", "is", "longer", "than", "the", "maximum"],
    ["a", "short", "one"],
]
print(elmo(sentences).shape)  # (2, 4, 512), always
print(elmo.compute_mask(sentences).numpy())  # False where there is padding

# Whole texts are split at spaces.
print(elmo(["a text split at its spaces", "short"]).shape)  # (2, 4, 512)
