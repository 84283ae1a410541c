"""Trains a small biLM under the backend that KERAS_BACKEND names.

    python training_worker.py GIVEN.json CORPUS FOLDER

GIVEN has the `options` of the biLM and the `settings` of the training. FOLDER holds a
checkpoint with the weights to begin with; it gets `losses.npy`, the loss of each step,
and `weights.hdf5`. Run as a script, TensorFlow is absent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.modules["tensorflow"] = None  # whatever imports it gets an ImportError
    sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

from keras_elmo import BiLMOptions
from keras_elmo.checkpoints import save_hdf5
from keras_elmo.pretraining import Settings
from keras_elmo.pretraining.corpus import Corpus
from keras_elmo.pretraining.train import Training


def make_training(given, corpus, folder):
    facts = json.loads(Path(given).read_text())
    options = BiLMOptions.from_dict(facts["options"])
    settings = Settings(**facts["settings"])
    return Training(Corpus(corpus), options, settings, Path(folder))


def main(given, corpus, folder):
    training = make_training(given, corpus, folder)
    train_on_batch = training.model.train_on_batch
    losses = []

    def record(batch):
        losses.append(float(train_on_batch(batch)))
        return losses[-1]

    training.model.train_on_batch = record
    training.run()
    np.save(Path(folder) / "losses.npy", losses)
    save_hdf5(training.model.bilm, Path(folder) / "weights.hdf5")


if __name__ == "__main__":
    main(*sys.argv[1:])
