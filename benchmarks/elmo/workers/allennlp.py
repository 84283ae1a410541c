"""allennlp's `Elmo` module as a contender."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

warnings.simplefilter("ignore")  # of its packages, on the age of Python 3.9

import torch  # noqa: E402
from allennlp import version  # noqa: E402
from allennlp.modules.elmo import Elmo, batch_to_ids  # noqa: E402

from benchmarks.elmo.workers import measure  # noqa: E402


def load(job: dict[str, Any]) -> measure.Embed:
    """Makes the module for inference."""
    elmo = Elmo(
        job["options"], job["weights"], num_output_representations=1, dropout=0
    ).eval()

    def embed(sentences: measure.Sentences) -> np.ndarray:
        with torch.no_grad():
            (vectors,) = elmo(batch_to_ids(sentences))["elmo_representations"]
        return vectors.numpy()

    return embed


def facts() -> dict[str, Any]:
    """Returns the versions that a figure depends on."""
    return {"versions": {"allennlp": version.VERSION, "torch": torch.__version__}}


if __name__ == "__main__":
    measure.main(load, facts)
