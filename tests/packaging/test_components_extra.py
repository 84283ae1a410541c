"""The components alone, in a plain TFX pipeline: of the wheel and its extra."""

from __future__ import annotations

import json
import random
import shutil
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.packaging.commands import run

pytestmark = pytest.mark.integration

_EXTRA = "components"


def _needed(requirements: list[str], extras: set[str]) -> dict[str, set[str]]:
    """Returns all packages that these need -> the extras that are asked of them."""
    needed: dict[str, set[str]] = {}
    waiting = [(text, extras) for text in requirements]
    while waiting:
        text, extras = waiting.pop()
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": e}) for e in {"", *extras}):
            continue
        name = requirement.name.lower().replace("_", "-")
        if name in needed and needed[name] >= requirement.extras:
            continue
        needed.setdefault(name, set()).update(requirement.extras)
        waiting += [
            (each, requirement.extras) for each in metadata.requires(name) or ()
        ]
    return needed


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel, and of the listed packages what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (built,) = metadata.distributions(path=[str(wheel)])
    for name in _needed(built.requires or [], {_EXTRA}):
        distribution = metadata.distribution(name)
        root = Path(str(distribution.locate_file("")))
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (site / top).exists():
                (site / top).symlink_to(root / top)
    shutil.unpack_archive(wheel, site, "zip")
    shutil.rmtree(site / "pipeline")  # the components must do without
    return folder / "bin" / "python"


def _write_span(folder: Path, good: int) -> None:
    folder.mkdir(parents=True)
    chance = random.Random(0)
    rows = ["text,label"]
    for number in range(200):
        label = "good" if number % 10 < good else "bad"
        word = chance.choice({"good": ["fine", "lovely"], "bad": ["dull"]}[label])
        filling = chance.choices(["a", "film", "plot", "scene", "the"], k=5)
        rows.append(f"{' '.join([word, *filling])} {number},{label}")
    (folder / "texts.csv").write_text("\n".join(rows))


def _only(output: Path, pattern: str) -> dict:
    newest = max(output.glob(pattern), key=lambda path: int(path.parent.name))
    return json.loads(newest.read_text())


def test_the_plain_pipeline_runs_with_the_wheel_and_its_extra_alone(
    environment, repository, tmp_path
):
    output = tmp_path / "out"
    shutil.copytree(repository / "examples" / "plain_tfx", tmp_path / "code")
    command = (environment, "-I", "-c", "import croniter")
    with pytest.raises(AssertionError, match="No module named 'croniter'"):
        run(*command, cwd=tmp_path)  # what the whole pipeline needs is not there
    for span, good in ((1, 5), (2, 9)):
        _write_span(tmp_path / "reviews" / str(span), good)
        run(environment, "code/reviews.py", "reviews/{SPAN}/*.csv", "out", cwd=tmp_path)

    counts = _only(output, "pipeline/TextExampleGen/examples/*/counts.json")
    assert sum(counts["labels"]["train"].values()) > 100
    drift = _only(output, "pipeline/DriftCheck/drift/*/drift.json")
    assert (drift["newest"], drift["before"]) == (2, [1])
    clearance = _only(output, "pipeline/AnomalyGate/clearance/*/clearance.json")
    assert clearance["verdict"] == "warned"
    assert [found["feature"] for found in clearance["drift"]] == ["label"]
    report = _only(output, "pipeline/ServingCheck/blessing/*/report.json")
    assert report["blessed"], report["reasons"]
    assert len(list((output / "serving").iterdir())) == 2
