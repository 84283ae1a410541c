"""Who is measured, and in which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.elmo.workers.measure import AS_IT_COMES, SORTED

ORDERS = (AS_IT_COMES, SORTED)
MEMORY_BATCH = 64  # one setting for all, so that the sizes can be compared
TRAINING_BATCHES = 4  # of that size, gone through again and again

# glibc gives large blocks back to the system at once and takes them anew, page by
# page. Keeping them makes the peers up to twice as fast, and larger: the memory of a
# process is measured without this.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One line of the table.

    Args:
        worker: Module of `benchmarks.elmo.workers` that measures it.
        python: Version that it needs, of an environment of its own; None runs it in
            this one.
        dtype: Of its products.
        batch_sizes: Those tried; the table takes the best.
        variables: Of the process's environment, where speed is measured.
    """

    worker: str
    python: str | None = None
    dtype: str = "float32"
    batch_sizes: tuple[int, ...] = (64, 128)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_peer(self) -> bool:
        """Whether it is one that keras_elmo is compared with."""
        return self.python is not None


REFERENCE = "keras_elmo float32"
CONTENDERS = {
    REFERENCE: Contender(worker="keras_elmo", batch_sizes=(64, 128, 512)),
    "keras_elmo bfloat16": Contender(
        worker="keras_elmo", dtype="bfloat16", batch_sizes=(64, 128, 512)
    ),
    "simple_elmo": Contender(
        worker="simple_elmo", python="3.10", variables=KEEP_MEMORY
    ),
    "allennlp": Contender(worker="allennlp", python="3.9", variables=KEEP_MEMORY),
}
