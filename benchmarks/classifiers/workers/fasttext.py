"""fastText's classifier, with the settings of its tutorial.

Source: Joulin et al. 2017, arXiv:1607.01759.
"""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.classifiers.workers import measure
from benchmarks.classifiers.workers.measure import Classify, Labelled, Lesson

# Of the tutorial; one thread, so that a second run learns the same.
_FIXED = {"epoch": 25, "dim": 50, "bucket": 200_000, "thread": 1, "verbose": 0}
_RATES, _NGRAMS = (0.1, 0.5, 1.0), (1, 2)
_FILE, _LABELS, _MARK = "model.bin", "labels.json", "__label__"
_PUNCTUATION = re.compile(r"([.!?,'/()])")


def train(lesson: Lesson, folder: Path) -> dict[str, Any]:
    """Chooses learning rate and n-grams by the eval texts, then learns from all."""
    names = {label: f"{_MARK}{n}" for n, label in enumerate(_classes(lesson))}
    tried = {
        (rate, ngrams): _right(_fit(lesson.train, names, rate, ngrams), lesson, names)
        for rate, ngrams in itertools.product(_RATES, _NGRAMS)
    }
    rate, ngrams = max(tried, key=lambda each: tried[each])
    model = _fit(lesson.train + lesson.evaluate, names, rate, ngrams)
    model.save_model(str(folder / _FILE))
    (folder / _LABELS).write_text(json.dumps(list(names)), "utf-8")
    return {"chosen": f"lr {rate:g}, wordNgrams {ngrams}"}


def load(folder: Path, threads: int) -> Classify:
    """Returns the classifier; it has one thread in any case."""
    import fasttext

    model = fasttext.load_model(str(folder / _FILE))
    labels = json.loads((folder / _LABELS).read_text("utf-8"))
    return lambda texts: [labels[n] for n in _numbers(model, texts)]


def cleaned(text: str) -> str:
    """Returns a text as the tutorial prepares it: lower case, marks set apart."""
    return " ".join(_PUNCTUATION.sub(r" \1 ", text.lower()).split())


def _classes(lesson: Lesson) -> list[str]:
    return sorted({*lesson.train.labels, *lesson.evaluate.labels})


def _fit(part: Labelled, names: dict[str, str], rate: float, ngrams: int) -> Any:
    import fasttext

    rows = zip(part.texts, part.labels, strict=True)
    lines = [f"{names[label]} {cleaned(text)}\n" for text, label in rows]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        return fasttext.train_supervised(
            file.name, lr=rate, wordNgrams=ngrams, label=_MARK, **_FIXED
        )


def _right(model: Any, lesson: Lesson, names: dict[str, str]) -> int:
    wanted = [int(names[x].removeprefix(_MARK)) for x in lesson.evaluate.labels]
    found = _numbers(model, lesson.evaluate.texts)
    return sum(a == b for a, b in zip(found, wanted, strict=True))


def _numbers(model: Any, texts: list[str]) -> list[int]:
    labels, _ = model.predict([cleaned(text) for text in texts])
    return [int(found[0].removeprefix(_MARK)) for found in labels]


def versions() -> dict[str, str]:
    """Returns the versions that the figures depend on."""
    name = "fasttext-community"
    return {name: metadata.version(name)}


if __name__ == "__main__":
    measure.main(measure.Worker(train=train, load=load, versions=versions))
