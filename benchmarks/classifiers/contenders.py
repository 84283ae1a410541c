"""Who is measured, in which settings, and on which files its figures depend."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

_WORKERS = "benchmarks/classifiers/workers"
_PROJECT = ("keras_elmo", "components", "pipeline")
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One line of the table.

    Args:
        title: As the report has it.
        worker: Module of `benchmarks.classifiers.workers` that measures it.
        settings: What the report says of how it was set.
        python: Version that it needs, of an environment of its own; None runs it in
            this one.
        options: Of the configuration, for the worker.
        packages: Those of this environment that its figures depend on.
        modules: Files and folders of the project that they depend on.
        flags: Of the processor, one of which it needs; empty: none.
        has_curve: Whether its learning curve is measured; another has the same one.
    """

    title: str
    worker: str
    settings: str
    python: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    packages: Sequence[str] = ()
    modules: Sequence[str] = ()
    flags: frozenset[str] = frozenset()
    has_curve: bool = True

    @property
    def sources(self) -> list[str]:
        """Returns what its figures depend on, as `Session` reads it."""
        own = [f"{_WORKERS}/measure.py", f"{_WORKERS}/{self.worker}.py"]
        locked = [f"requirements/peers/{self.worker}.txt"] if self.python else []
        return [*own, *self.modules, *locked]

    @property
    def identity(self) -> dict[str, Any]:
        """Returns what else they depend on."""
        versions = {name: metadata.version(name) for name in self.packages}
        return {"options": dict(self.options), "versions": versions}

    def lacks(self) -> str | None:
        """Returns what this processor lacks for it; None: nothing."""
        if not self.flags or self.flags & _processor_flags():
            return None
        return "this processor has no products in bfloat16"


def digest(*texts: str) -> str:
    """Returns a name that changes with the texts."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]


def _processor_flags() -> set[str]:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    flags = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return set(next(flags, "").split())


def _ours(precision: str, **others: Any) -> Contender:
    return Contender(
        worker="pipeline",
        options={"elmo.precision": precision},
        packages=("tensorflow", "keras", "tfx"),
        modules=(*_PROJECT, "benchmarks/quality"),
        **others,
    )


REFERENCE = "elmo"
CONTENDERS = {
    REFERENCE: _ours(
        "float32",
        title="included ELMo and the pipeline's head",
        settings="the defaults of `elmo-tfx run`, but for `elmo.precision=float32`",
    ),
    "elmo-bfloat16": _ours(
        "bfloat16",
        title="the same, trained on bfloat16",
        settings="its training texts were encoded in bfloat16; what is pushed computes "
        "in float32",
        flags=frozenset(_BFLOAT16),
        has_curve=False,
    ),
    "minilm": Contender(
        title="MiniLM-L6 (ONNX, int8), logistic regression",
        worker="minilm",
        python="3.10",
        modules=(f"{_WORKERS}/linear.py", f"{_WORKERS}/bert_graph.py"),
        settings="sentence vectors of length 1; of five strengths of the "
        "regularisation the one that is best on the eval texts",
    ),
    "tf-idf": Contender(
        title="TF-IDF, logistic regression",
        worker="tf_idf",
        packages=("scikit-learn",),
        modules=(f"{_WORKERS}/linear.py",),
        settings="words and pairs of words that two texts have; of five strengths the "
        "one that is best on the eval texts",
    ),
    "fasttext": Contender(
        title="fastText",
        worker="fasttext",
        python="3.10",
        settings="25 epochs, 50 dimensions, 200,000 buckets, as in its tutorial; of "
        "three learning rates, with and without pairs of words, those that are best on "
        "the eval texts",
    ),
}
