"""Runs BiLM under the backend that KERAS_BACKEND names, where TensorFlow is absent.

    python backend_worker.py MODEL_FOLDER GIVEN.npz FOUND.npz [FOLDER_OF_PACKAGES]

GIVEN has `ids` and `factors`; FOUND gets `layers`, and the gradient of the sum of
`factors * layers` by the name of each weight. The folder of packages is searched last.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.modules["tensorflow"] = None  # whatever imports it gets an ImportError
sys.path.append(str(Path(__file__).resolve().parents[2]))
sys.path += sys.argv[4:]

import keras  # noqa: E402

from keras_elmo import BiLM, BiLMOptions  # noqa: E402
from keras_elmo.checkpoints import load_hdf5  # noqa: E402


def jax_gradients(bilm, ids, factors):
    import jax

    fixed = [variable.value for variable in bilm.non_trainable_variables]

    def loss(weights):
        layers, _ = bilm.stateless_call(weights, fixed, ids)
        return (layers * factors).sum()

    return jax.grad(loss)([variable.value for variable in bilm.trainable_variables])


def torch_gradients(bilm, ids, factors):
    (bilm(ids) * keras.ops.convert_to_tensor(factors)).sum().backward()
    return [variable.value.grad for variable in bilm.trainable_variables]


def main(folder, given, found):
    options = BiLMOptions.from_file(Path(folder) / "options.json")
    bilm = BiLM(options, name="bilm")
    load_hdf5(bilm, Path(folder) / "weights.hdf5")
    arrays = np.load(given)
    ids, factors = arrays["ids"], arrays["factors"]
    layers = keras.ops.convert_to_numpy(bilm(ids))
    compute = {"jax": jax_gradients, "torch": torch_gradients}[keras.backend.backend()]
    gradients = {
        variable.path: keras.ops.convert_to_numpy(gradient)
        for variable, gradient in zip(
            bilm.trainable_variables, compute(bilm, ids, factors), strict=True
        )
    }
    np.savez(found, layers=layers, **gradients)


if __name__ == "__main__":
    main(*sys.argv[1:4])
