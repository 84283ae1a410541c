"""Tiny biLMs with random weights, in the published file format."""

from __future__ import annotations

import json

import h5py
import numpy as np

from keras_elmo import BiLM, BiLMOptions
from keras_elmo.checkpoints import save_hdf5

TINY = {
    "char_dim": 4,
    "filters": ((1, 3), (2, 4), (3, 5)),
    "n_highway": 1,
    "activation": "relu",
    "max_chars": 12,
    "n_layers": 2,
    "cell_dim": 6,
    "projection_dim": 5,
    "cell_clip": 3.0,
    "proj_clip": 3.0,
    "use_skip_connections": True,
}

# One convolution, one LSTM each way, no highway, no projections: soon built.
PLAIN = {"filters": ((2, 5),), "n_highway": 0, "n_layers": 1, "cell_dim": 5}


def write_model(folder, **changes):
    """Writes options.json and weights.hdf5 of a random biLM; returns the folder."""
    options = BiLMOptions(**{**TINY, **changes})
    rng = np.random.default_rng(3)
    bilm = BiLM(options)
    for weight in bilm.weights:  # biases too: zeros would hide a wrong one
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "options.json").write_text(json.dumps(options.to_dict()))
    save_hdf5(bilm, folder / "weights.hdf5")
    return folder


# Options of fewer layers than the tiny model has: what they change, and what is said.
FEWER = {
    "LSTM layers": ({"lstm": {"n_layers": 1}}, "`lstm.n_layers` is 1"),
    "highway layers": ({"char_cnn": {"n_highway": 0}}, "`char_cnn.n_highway` is 0"),
}


def change_options(path, changes):
    """Changes entries of an options.json: of each part those that are named."""
    options = json.loads(path.read_text())
    for part, entries in changes.items():
        options[part] |= entries
    path.write_text(json.dumps(options))


def read_hdf5(path):
    """Returns the tensors of a weights file by their paths."""
    tensors = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            tensors[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(add)
    return tensors
