"""The plain layer: lists of tokens in, one ELMo vector a token out."""

from keras_elmo import ElmoEmbeddingLayer

elmo = ElmoEmbeddingLayer()  # the model that comes with the package

sentences = [
    ["the", "cat", "is", "on", "the", "mat"],
    ["dogs", "are", "in", "the", "fog"],
]
vectors = elmo(sentences)
print(vectors.shape)  # (2, 6, 512): the shorter sentence is padded with zeros

# The same word has another vector in another sentence.
river, money = elmo([["the", "river", "bank"], ["the", "savings", "bank"]])[:, 2]
print(float(abs(river - money).numpy().max()) > 0.0)  # True
