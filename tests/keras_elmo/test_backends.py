"""Other backends, where TensorFlow is absent, give TensorFlow's numbers.

BiLM does so under JAX and PyTorch, a whole training under JAX.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_elmo import BiLM, BiLMOptions
from keras_elmo.checkpoints import load_hdf5
from keras_elmo.pretraining import Settings
from tests.environments import make_environment
from tests.keras_elmo import training_worker
from tests.keras_elmo.pretraining.texts import make_corpus
from tests.keras_elmo.test_bilm import SENTENCES, spell_batch
from tests.keras_elmo.tiny import TINY, read_hdf5, write_model

TOLERANCE = 1e-4
# Where Debian has PyTorch for its own Python: PyPI's brings gigabytes for GPUs.
DEBIAN = "/usr/lib/python3/dist-packages"
IMPORT_TORCH = "import sys; sys.path.append(sys.argv[1]); import torch"
SHAPES = {
    "as published": {},
    "no projection, tanh": {"cell_dim": 5, "activation": "tanh"},
    "no skip, tight clipping": {"use_skip_connections": False, "cell_clip": 0.05},
}


@pytest.fixture(scope="module")
def jax_python(tmp_path_factory, repository):
    """The Python of an environment with JAX and without TensorFlow."""
    pinned = repository / "requirements" / "backends" / "jax.txt"
    return make_environment(tmp_path_factory.mktemp("jax") / "venv", pinned)


@pytest.fixture(scope="module")
def torch_python():
    """This Python, where it or Debian has PyTorch for it."""
    tried = subprocess.run(
        [sys.executable, "-c", IMPORT_TORCH, DEBIAN], capture_output=True, text=True
    )
    if tried.returncode:
        last = tried.stderr.strip().splitlines()[-1]
        pytest.skip(f"PyTorch cannot be imported, here or from {DEBIAN}: {last}")
    return sys.executable


def run_here(bilm, ids, factors):
    """Returns what `backend_worker.py` writes, computed by TensorFlow."""
    variables = bilm.trainable_variables
    with tf.GradientTape() as tape:
        layers = bilm(ids)
        loss = tf.reduce_sum(layers * factors)
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    found = {
        variable.path: tf.convert_to_tensor(gradient).numpy()
        for variable, gradient in zip(variables, gradients, strict=True)
    }
    return {"layers": layers.numpy(), **found}


def check(folder, python, backend, *packages):
    bilm = BiLM(BiLMOptions.from_file(folder / "options.json"), name="bilm")
    load_hdf5(bilm, folder / "weights.hdf5")
    ids = spell_batch(SENTENCES, bilm.options.max_chars)
    factors = np.random.default_rng(4).normal(size=bilm(ids).shape).astype("float32")
    np.savez(folder / "given.npz", ids=ids, factors=factors)
    files = [folder, folder / "given.npz", folder / "found.npz"]
    subprocess.run(
        [python, Path(__file__).with_name("backend_worker.py"), *files, *packages],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    found = np.load(files[-1])
    expected = run_here(bilm, ids, factors)
    assert set(found.files) == set(expected)
    for name, value in expected.items():
        assert np.abs(value).max() > 1e-3, name
        np.testing.assert_allclose(
            found[name], value, atol=TOLERANCE, rtol=TOLERANCE, err_msg=name
        )


@pytest.mark.integration
@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_jax_gives_the_numbers_and_gradients_of_tensorflow(
    tmp_path, jax_python, changes
):
    check(write_model(tmp_path, **changes), jax_python, "jax")


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_pytorch_gives_the_numbers_and_gradients_of_tensorflow(
    tmp_path, torch_python, changes
):
    check(write_model(tmp_path, **changes), torch_python, "torch", DEBIAN)


@pytest.mark.integration
def test_jax_trains_as_tensorflow_does(tmp_path, jax_python, monkeypatch):
    make_corpus(tmp_path, monkeypatch)
    options = BiLMOptions(**{**TINY, "cell_dim": 32, "projection_dim": 16})
    settings = Settings(
        steps=100,
        rows=10,
        unroll=4,
        negatives=8,
        min_count=1,
        learning_rate=0.01,
        dropout=0.0,  # else each backend draws its own numbers
        lowercase_share=0.3,
    )
    given, corpus = tmp_path / "given.json", tmp_path / "corpus"
    facts = {"options": options.to_dict(), "settings": dataclasses.asdict(settings)}
    given.write_text(json.dumps(facts))
    here, there = tmp_path / "tensorflow", tmp_path / "jax"
    here.mkdir()
    training_worker.make_training(given, corpus, here).save()
    shutil.copytree(here, there)  # so that both begin with the same weights

    training_worker.main(given, corpus, here)
    subprocess.run(
        [jax_python, training_worker.__file__, given, corpus, there],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
    )
    expected, found = (np.load(folder / "losses.npy") for folder in (here, there))
    assert len(expected) == settings.steps
    assert expected[-10:].mean() < 0.8 * expected[:10].mean()
    # Rounding alone moves the losses by 2e-7 and does not grow in these steps.
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    expected, found = (read_hdf5(folder / "weights.hdf5") for folder in (here, there))
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(
            found[name], value, atol=1e-4, rtol=1e-4, err_msg=name
        )
