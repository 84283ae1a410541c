"""What every test shares: quiet TensorFlow, and the data beside the repository."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beam_runners import RUNNERS, StartedRunner, started
from tests.quick_beam import make_quick

# Read by TensorFlow once, when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# Bytecode is kept, whatever the user's habit: else each process that a test starts
# compiles TFX and TensorFlow anew, which is half of what it does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_REPOSITORY = Path(__file__).resolve().parent.parent


# Begun first, so that no process is left alone with a long file at the end.
_LONG_FILES = (
    "e2e/test_run.py",
    "e2e/test_spans.py",
    "e2e/test_predict.py",
    "keras_elmo/test_freezing.py",
    "keras_elmo/test_inputs.py",
    "benchmarks/quality/test_quality.py",
    "keras_elmo/test_keras_life.py",
    "keras_elmo/test_precision.py",
    "pipeline/training/test_trainer.py",
    "components/drift_check/test_executor.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first; the others keep their order."""
    tests = _REPOSITORY / "tests"
    place = {tests / name: number for number, name in enumerate(_LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Lets the garbage collector come seldom, and pass over what was imported.

    It took a twentieth of the time: graphs are made of many small objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


# Each the work of one process: what its files share is made or imported once.
_TOGETHER = (
    "tests/components/serving_check/",
    "tests/e2e/",
    "tests/kubeflow/",
    "tests/pipeline/training/",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Returns what deals whole files out, and the folders of `_TOGETHER` as one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return next((each for each in _TOGETHER if file.startswith(each)), file)

    return Together(config, log)


def _seed() -> None:
    if keras := sys.modules.get("keras"):  # who has not imported it draws nothing
        keras.utils.set_random_seed(1)


@pytest.fixture(scope="module", autouse=True)
def quick_beam() -> None:
    """Lets Beam remember what it finds out, where it has been imported."""
    make_quick()


@pytest.fixture(scope="module", autouse=True)
def seeded_fixtures() -> None:
    """Lets the fixtures of a file draw the same, whatever ran before it."""
    _seed()


@pytest.fixture(autouse=True)
def seeded_test() -> None:
    """Lets a test draw the same, whatever ran before it."""
    _seed()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree under test."""
    return _REPOSITORY


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of data sets and fixtures; the test is skipped where it is absent.

    `ELMO_TFX_SHARED` names it; otherwise it is `shared` beside the repository.
    """
    given = os.environ.get("ELMO_TFX_SHARED")
    folder = Path(given) if given else _REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"the shared data is absent: {folder} (set ELMO_TFX_SHARED)")
    return folder


@pytest.fixture(scope="session", params=RUNNERS)
def beam_runner(request, tmp_path_factory) -> Iterator[StartedRunner]:
    """A Beam runner that serves on this machine, each one in turn."""
    with started(request.param, tmp_path_factory.mktemp(request.param)) as runner:
        yield runner
