"""The layer inside a Keras Sequential model, trained by fit."""

import keras
import tensorflow as tf

from keras_elmo import ElmoEmbeddingLayer

texts = tf.constant(
    [
        "a wonderful film , warm and funny",
        "dull , loud and far too long",
        "the best thing I have seen this year",
        "a waste of two hours",
    ]
)
labels = tf.constant([1, 0, 1, 0])

model = keras.Sequential(
    [
        keras.Input((), dtype="string"),
        ElmoEmbeddingLayer(max_sequence_length=10),  # the mix of layers is learned
        keras.layers.GlobalAveragePooling1D(),  # over the real tokens only
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(texts, labels, epochs=20, verbose=0)
print(model.predict(tf.constant(["warm and wonderful"]), verbose=0).shape)  # (1, 1)
model.save("classifier.keras")  # load it after `from keras_elmo import ...`, as above
