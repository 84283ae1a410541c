"""The gradient of packed sentences, against TensorFlow's own of the plain biLM."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, BiLMOptions, ElmoEmbeddingLayer
from keras_elmo.checkpoints import load_hdf5
from tests.keras_elmo.test_bilm import spell_batch
from tests.keras_elmo.tiny import write_model

SENTENCES = [["No", "."], ["The", "cat", "is", "on", "the", "mat"], [], ["It", "is"]]
SHAPES = {
    "plain": {},
    "tight clipping": {"cell_clip": 0.2, "proj_clip": 0.1},
    "no clipping": {"cell_clip": None, "proj_clip": None},
    "no projection": {"cell_dim": 5},
    "no skip": {"use_skip_connections": False},
}


def plain_gradients(folder):
    bilm = BiLM(BiLMOptions.from_file(folder / "options.json"))
    load_hdf5(bilm, folder / "weights.hdf5")
    with tf.GradientTape() as tape:
        layers = bilm(spell_batch(SENTENCES, bilm.options.max_chars))
        loss = tf.reduce_sum(tf.sin(layers))  # every activation counts differently
    return tape.gradient(loss, [v.value for v in bilm.trainable_variables])


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_every_weight_has_the_gradient_of_the_plain_bilm(tmp_path, changes):
    folder = write_model(tmp_path, **changes)
    layer = ElmoEmbeddingLayer(
        str(folder), output="layers", trainable=True, initial_state="zeros"
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(SENTENCES, training=True)))
    variables = layer.bilm.trainable_variables
    got = tape.gradient(loss, [v.value for v in variables])
    for variable, mine, plain in zip(
        variables, got, plain_gradients(folder), strict=True
    ):
        mine, plain = (tf.convert_to_tensor(g).numpy() for g in (mine, plain))
        assert np.abs(plain).max() > 0, variable.path
        np.testing.assert_allclose(mine, plain, atol=2e-5, err_msg=variable.path)
