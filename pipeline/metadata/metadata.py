"""What ML Metadata knows of one pipeline, in four views on one store."""

from __future__ import annotations

import ml_metadata as mlmd

from pipeline.metadata.inventory import Inventory
from pipeline.metadata.pushed_models import PushedModels
from pipeline.metadata.runs import FinishedRuns, RunRecords


class Metadata:
    """What ML Metadata knows of one pipeline.

    `OutputFolder.open_metadata` opens that of an output.

    Args:
        store: Of ML Metadata.
        pipeline: Name of the pipeline there.

    Attributes:
        runs: Every run, and what its nodes did and made.
        finished: The runs whose nodes all ended well.
        pushed: The models that were pushed, and the rollbacks; of the whole store.
        inventory: The files of results; of the whole store.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline: str) -> None:
        self.runs = RunRecords(store, pipeline)
        self.finished = FinishedRuns(store, pipeline)
        self.pushed = PushedModels(store)
        self.inventory = Inventory(store)
