"""kubeflow/Dockerfile, as far as it can be judged without Docker."""

from __future__ import annotations

import re

import pytest

from tests.kubeflow.dockerfile import is_ignored, last, read_stages

_TARGETS = ["pipeline", "worker", "batch-worker"]
_PACKAGES = ["keras_elmo", "components", "pipeline", "kubeflow/elmo_kubeflow"]
_LISTS = {
    "build": "requirements/image.txt",
    "build-batch": "requirements/image-worker.txt",
}
_PYTHON = "3.13"  # of Debian 13


@pytest.fixture(scope="module")
def text(repository):
    return (repository / "kubeflow" / "Dockerfile").read_text("utf-8")


@pytest.fixture(scope="module")
def stages(text):
    return read_stages(text)


@pytest.fixture(scope="module")
def ignored(repository):
    """Tells whether a path is kept from Docker."""
    rules = (repository / ".dockerignore").read_text("utf-8")
    return lambda path: is_ignored(path, rules)


@pytest.fixture(scope="module")
def beam_version(repository):
    """Beam's version, the same in both lists."""
    texts = [(repository / path).read_text("utf-8") for path in _LISTS.values()]
    found = [re.findall(r"^apache-beam==([\d.]+)", text, re.M) for text in texts]
    [version], again = found
    assert again == [version]
    return version


def test_the_boot_program_is_of_the_beam_and_the_python_that_the_list_installs(
    stages, beam_version
):
    assert stages["beam"].base == f"apache/beam_python{_PYTHON}_sdk:{beam_version}"
    assert stages["build"].base == stages["base"].base == "debian:trixie-slim"


def test_the_worker_is_the_pipeline_with_boot_as_its_entry_point(stages):
    assert stages["worker"].base == "pipeline"
    assert last(stages, "pipeline", "ENTRYPOINT") == '["elmo-tfx"]'
    assert last(stages, "worker", "ENTRYPOINT") == '["/opt/apache/beam/boot"]'
    [copied] = stages["worker"].all("COPY")
    assert copied == "--from=beam /opt/apache/beam /opt/apache/beam"
    # What lies in an environment of ours, boot finds only without one of its own.
    assert stages["worker"].all("ENV") == ["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1"]


@pytest.mark.parametrize("target", _TARGETS)
def test_a_target_runs_as_a_number_that_is_not_root(stages, target):
    user = last(stages, target, "USER")
    assert user is not None and int(user) > 0


@pytest.mark.parametrize("target", _TARGETS)
def test_a_target_works_in_a_folder_that_every_user_may_write(stages, target):
    # boot writes the job's options where it stands.
    folder = last(stages, target, "WORKDIR")
    made = ["install", "--directory", "--mode=1777", folder]
    assert made in stages["base"].commands()


def test_the_batch_worker_is_like_the_worker_with_the_environment_of_its_own(stages):
    full, batch = stages["worker"], stages["batch-worker"]
    assert batch.base == stages["pipeline"].base == "base"
    for name in ("USER", "ENTRYPOINT"):
        assert last(stages, "batch-worker", name) == last(stages, "worker", name)
    assert {*full.all("COPY")} < {*batch.all("COPY")}
    assert {*full.all("ENV")} < {*batch.all("ENV")}
    of_batch = stages["build-batch"].base
    assert of_batch == "build", "it installs the sources that are copied there"


def test_tools_for_building_stay_behind(stages):
    tools = {"g++", "python3-dev", "python3-venv"}
    for stage in stages.values():
        words = {word for command in stage.commands() for word in command}
        assert words & tools == (tools if stage is stages["build"] else set())


def test_all_that_is_copied_exists_and_reaches_docker(stages, repository, ignored):
    sources = _sources(stages)
    assert {*_PACKAGES, "setup.py", *_LISTS.values()} <= {*sources}
    for source in sources:
        assert (repository / source).exists()
        assert not ignored(source)
    assert not ignored("keras_elmo/pretrained/weights.hdf5")
    assert not any(stages[target].sources() for target in _TARGETS)


def _sources(stages):
    return [source for name in _LISTS for source in stages[name].sources()]


def test_nothing_else_reaches_docker(stages, repository, ignored):
    sources = _sources(stages)
    for folder in (repository, repository / "requirements", repository / "kubeflow"):
        for path in folder.iterdir():
            name = str(path.relative_to(repository))
            assert ignored(name) or name in sources
    assert ignored(".venv/bin/python")
    assert ignored("pipeline/batch/__pycache__/graph.cpython-313.pyc")


def test_every_package_that_setup_py_installs_is_copied(stages, repository):
    # setup.py installs what it finds, so that a package left out goes unnoticed there.
    setup = (repository / "setup.py").read_text("utf-8")
    [included] = re.findall(r"include=\[(.*?)\]", setup, re.DOTALL)
    named = [name for name in re.findall(r'"([\w.*]+)"', included) if "." not in name]
    [elsewhere] = re.findall(r"package_dir=\{(.*?)\}", setup)
    folders = re.findall(r': "([\w/]+)"', elsewhere)
    assert named and folders
    assert {*named, *folders} <= {*stages["build"].sources()}


def test_all_that_is_fetched_from_pypi_has_a_hash(stages):
    installs = [
        words
        for stage in stages.values()
        for words in stage.commands()
        if "pip" in words[0] and "install" in words
    ]
    assert len(installs) == 6
    for words in installs:
        assert {"--require-hashes", "--no-index"} & {*words}
    # As tools/make_env.sh does, and for its reasons.
    for path in _LISTS.values():
        [of_list] = [words for words in installs if path in words]
        assert {"--no-deps", "--no-build-isolation"} <= {*of_list}


def test_nothing_is_fetched_from_an_address(text, stages):
    assert "://" not in text
    for stage in stages.values():
        assert not stage.all("ADD")
        programs = {words[0] for words in stage.commands()}
        pips = {f"/opt/{name}/bin/pip" for name in ("elmo-tfx", "elmo-tfx-batch")}
        others = {"apt-get", "find", "install", "python3", "rm", "useradd"}
        assert programs <= {*others, *pips}


def test_the_page_names_the_beam_of_the_image(repository, beam_version):
    page = (repository / "docs" / "runners.md").read_text("utf-8")
    jars = re.findall(r"beam-runners-\S+-job-server-([\d.]+)\.jar", page)
    assert jars and {*jars} == {beam_version}
