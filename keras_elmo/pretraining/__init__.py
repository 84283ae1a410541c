"""Training a biLM of one's own on plain text files.

`pretrain` does all of it; `Settings` says how. Preparing texts needs TensorFlow,
whose string ops are the tokeniser; training runs on any Keras backend.
"""

from keras_elmo.pretraining.pretrain import pretrain
from keras_elmo.pretraining.settings import SMALL, Settings

__all__ = ["SMALL", "Settings", "pretrain"]
