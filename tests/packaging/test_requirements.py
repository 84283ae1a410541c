from __future__ import annotations

import re
from pathlib import Path

import pytest

LISTS = (
    "bootstrap",
    "tfx-1.16",
    "tfx-1.21",
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
