"""Writes the models and the vectors in this folder, by ELMoForManyLangs' own code.

It needs that code, and PyTorch, which this project does not have. In an environment of
its own (Python 3.10):

    pip install --no-deps torch==1.12.1 'numpy<2' overrides==3.1.0 typing_extensions
    pip install h5py
    python make.py ELMOFORMANYLANGS

ELMOFORMANYLANGS is a clone of github.com/HIT-SCIR/ELMoForManyLangs; commit b3de5f1 made
what is here. The weights are random; vectors.json has what its `Embedder` returns for a
batch of sentences: all three layers, rounded to seven digits.
"""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
WORDS = [
    "<oov>",
    "<bos>",
    "<eos>",
    "<pad>",
    "the",
    "cat",
    "今天",
    "天氣",
    ",",
    "Straße",
]
CHARS = ["<bos>", "<eos>", "<oov>", "<bow>", "<eow>", "<pad>", *"acehtrSß今天氣,好"]
CONFIG = {
    "encoder": {
        "name": "elmo",
        "projection_dim": 5,
        "cell_clip": 3,
        "proj_clip": 3,
        "dim": 6,
        "n_layers": 2,
    },
    "token_embedder": {
        "name": "cnn",
        "activation": "relu",
        "filters": [[1, 3], [2, 4], [3, 5]],
        "n_highway": 2,
        "word_dim": 4,
        "char_dim": 3,
        "max_characters_per_token": 8,
    },
    "classifier": {"name": "sampled_softmax", "n_samples": 8192},
    "dropout": 0.1,
}
SENTENCES = [
    ["the", "cat", ",", "Straße", "the", "THE"],
    ["今天", "天氣", "好"],
    ["tea", "unknown-and-far-too-long", "<oov>", "<bos>"],
    ["cattttttttt"],
]


def write(folder, **changes):
    """Writes a model with random weights; returns what its own code makes of it."""
    from elmoformanylangs import Embedder
    from elmoformanylangs.frontend import Model
    from elmoformanylangs.modules.embedding_layer import EmbeddingLayer

    folder.mkdir(exist_ok=True)
    config = json.loads(json.dumps(CONFIG))
    config["token_embedder"].update(changes)
    lexicons = {"word": WORDS, "char": CHARS}
    layers = {}
    for name, items in lexicons.items():
        # A line without a name stands for the ideographic space.
        lines = [f"{item}\t{row}\n" for row, item in enumerate(items)]
        if name == "char":
            lines.append(f"{len(items)}\n")
            items = [*items, "\u3000"]
        dim = config["token_embedder"][f"{name}_dim"]
        if dim:
            (folder / f"{name}.dic").write_text("".join(lines), encoding="utf-8")
            rows = {item: row for row, item in enumerate(items)}
            layers[name] = EmbeddingLayer(dim, rows, fix_emb=False)
    (folder / "config.json").write_text(json.dumps({"config_path": "../sizes.json"}))
    (folder / "sizes.json").write_text(json.dumps(config, indent=2) + "\n")
    torch.manual_seed(7)
    model = Model(config, layers.get("word"), layers.get("char"))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    for part in ("token_embedder", "encoder"):
        torch.save(
            getattr(model, part).state_dict(),
            folder / f"{part}.pkl",
            _use_new_zipfile_serialization=folder.name.endswith("zip"),
        )
    vectors = Embedder(str(folder)).sents2elmo(SENTENCES, output_layer=-2)
    return [np.round(item.astype(float), 7).tolist() for item in vectors]


def main():
    logging.disable()
    sys.path.insert(0, sys.argv[1])
    vectors = {
        name: write(HERE / name, **changes)
        for name, changes in {
            "words_and_chars": {},
            "words_and_chars_zip": {"activation": "tanh", "n_highway": 1},
            "chars": {"word_dim": 0},
            "words": {"char_dim": 0},
        }.items()
    }
    written = {"sentences": SENTENCES, "vectors": vectors}
    (HERE / "vectors.json").write_text(json.dumps(written, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
