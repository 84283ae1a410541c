"""What a summary says of results that lie elsewhere than where they were made."""

from __future__ import annotations

import json

from pipeline.metadata.runs import MadeArtifact
from pipeline.runs.summarize import _training
from pipeline.training.history import HISTORY_FILE
from tests.pipeline.report import summaries


class _Record:
    def __init__(self, uri):
        self._made = MadeArtifact(uri=str(uri), properties={})

    def output(self, node, key):
        return self._made if (node, key) == ("Trainer", "model_run") else None


def test_the_model_that_a_training_began_with_moves_with_the_output(tmp_path):
    folder = tmp_path / "moved" / "pipeline" / "Trainer" / "model_run" / "9"
    folder.mkdir(parents=True)
    history = json.loads(summaries.summary().to_json())["training"]
    begun = {"from": "/before/out/pipeline/Trainer/model/7", "reason": None}
    history["warm_start"] = begun
    (folder / HISTORY_FILE).write_text(json.dumps(history))
    model = _training(_Record(folder)).warm_start.model
    assert model == f"{tmp_path}/moved/pipeline/Trainer/model/7"
