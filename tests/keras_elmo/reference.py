"""ELMo's biLM in plain numpy, one token and one step at a time.

Slow on purpose and independent of the package: it reads the hdf5 file itself and
spells the tokens itself, after the published description of the model.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

BOS, EOS = "<S>", "</S>"


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class ReferenceBiLM:
    """`layers(tokens)` gives float64 `(layers, tokens, 2 * projection_dim)`."""

    def __init__(self, options: Path, weights: Path) -> None:
        self.options = json.loads(Path(options).read_text())
        self.weights = {}
        with h5py.File(weights) as file:
            file.visititems(self._keep)

    def _keep(self, name, item):
        if isinstance(item, h5py.Dataset):
            self.weights[name] = np.asarray(item, np.float64)

    def token_vector(self, token: str) -> np.ndarray:
        cnn = self.options["char_cnn"]
        size = cnn["max_characters_per_token"]
        inner = {BOS: [256], EOS: [257]}.get(token)
        if inner is None:
            inner = list(token.encode("utf-8"))[: size - 2]
        ids = [258, *inner, 259]
        ids += [260] * (size - len(ids))
        x = np.array([self.weights["char_embed"][i] for i in ids])
        pooled = []
        for i, (width, _) in enumerate(cnn["filters"]):
            kernel = self.weights[f"CNN/W_cnn_{i}"][0]  # (width, char_dim, count)
            bias = self.weights[f"CNN/b_cnn_{i}"]
            windows = [
                np.tensordot(x[at : at + width], kernel, axes=2) + bias
                for at in range(size - width + 1)
            ]
            highest = np.max(windows, axis=0)
            relu = cnn["activation"] == "relu"
            pooled.append(np.maximum(highest, 0) if relu else np.tanh(highest))
        vector = np.concatenate(pooled)
        for i in range(cnn.get("n_highway") or 0):
            w = {
                name: self.weights[f"CNN_high_{i}/{name}"]
                for name in ("W_carry", "b_carry", "W_transform", "b_transform")
            }
            gate = sigmoid(vector @ w["W_carry"] + w["b_carry"])
            new = np.maximum(vector @ w["W_transform"] + w["b_transform"], 0)
            vector = gate * new + (1 - gate) * vector
        if "CNN_proj/W_proj" in self.weights:
            vector = vector @ self.weights["CNN_proj/W_proj"]
            vector = vector + self.weights["CNN_proj/b_proj"]
        return vector

    def direction(self, number, vectors, states):
        """Runs one direction; gives each layer's outputs and the last states."""
        lstm = self.options["lstm"]
        inputs, outputs, last = vectors, [], []
        for layer in range(lstm["n_layers"]):
            cell = f"RNN_{number}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            c, h = states[layer]
            produced = []
            for x in inputs:
                z = np.concatenate([x, h]) @ self.weights[f"{cell}/W_0"]
                i, j, f, o = np.split(z + self.weights[f"{cell}/B"], 4)
                c = sigmoid(f + 1.0) * c + sigmoid(i) * np.tanh(j)
                if lstm["cell_clip"]:
                    c = np.clip(c, -lstm["cell_clip"], lstm["cell_clip"])
                h = sigmoid(o) * np.tanh(c)
                if f"{cell}/W_P_0" in self.weights:
                    h = h @ self.weights[f"{cell}/W_P_0"]
                    if lstm["proj_clip"]:
                        h = np.clip(h, -lstm["proj_clip"], lstm["proj_clip"])
                skips = layer > 0 and lstm["use_skip_connections"]
                produced.append(h + x if skips else h)
            outputs.append(produced)
            last.append((c, h))
            inputs = produced
        return outputs, last

    def zero_states(self):
        lstm = self.options["lstm"]
        zero = (np.zeros(lstm["dim"]), np.zeros(lstm["projection_dim"]))
        return [[zero] * lstm["n_layers"] for _ in range(2)]

    def layers(self, tokens, states=None):
        """Returns all layers of one sentence, and the states it leaves."""
        states = states or self.zero_states()
        vectors = [self.token_vector(token) for token in (BOS, *tokens, EOS)]
        forward, last_forward = self.direction(0, vectors, states[0])
        backward, last_backward = self.direction(1, vectors[::-1], states[1])
        layers = [np.concatenate([vectors, vectors], axis=-1)]
        for ahead, behind in zip(forward, backward, strict=True):
            layers.append(np.concatenate([ahead, behind[::-1]], axis=-1))
        return np.stack(layers)[:, 1:-1], [last_forward, last_backward]
