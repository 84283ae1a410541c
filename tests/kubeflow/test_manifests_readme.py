"""kubeflow/README.md: its commands and its configuration are real ones."""

from __future__ import annotations

import re
import shlex

import click
import pytest
import yaml

from pipeline.cli import main
from pipeline.config import load_config
from tests.kubeflow import manifests
from tests.kubeflow.dockerfile import read_stages


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "kubeflow"


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def commands(page):
    """The words of each command of each block."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


@pytest.fixture(scope="module")
def config(page):
    [text] = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return load_config(options=yaml.safe_load(text))


def _of(commands, *words):
    return [command for command in commands if command[: len(words)] == [*words]]


def test_there_are_ten_commands(page):
    section = page.partition("## Ten commands")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert "".join(blocks).replace("\\\n", " ").count("\n") == 10


def test_the_configuration_is_on_the_volume_and_has_the_image_that_is_pushed(
    config, commands
):
    volume = f"{config.kubeflow.mount_path}/"
    assert config.data.pattern.startswith(volume)
    assert config.output == volume + manifests.OUTPUT
    [build], [push] = _of(commands, "docker", "build"), _of(commands, "docker", "push")
    image = config.kubeflow.image
    assert build[build.index("--tag") + 1] == push[-1] == image
    assert any(word == f"rollback={image}" for word in sum(commands, []))


def test_the_image_is_a_target_of_the_dockerfile(commands, folder):
    [build] = _of(commands, "docker", "build")
    stages = read_stages((folder / "Dockerfile").read_text("utf-8"))
    assert build[build.index("--target") + 1] in stages


def test_the_secret_gets_the_keys_of_the_template_and_no_password_as_an_argument(
    commands, folder
):
    [create] = _of(commands, "kubectl", "create", "secret")
    [template] = manifests.of_kind(
        manifests.read(folder / "manifests"), "Secret"
    ).values()
    pairs = [word.partition("=")[2] for word in create if word.startswith("--from-")]
    values = dict(word.split("=", 1) for word in pairs)
    assert create[4] == template["metadata"]["name"]
    assert {*values} == {*template["stringData"]}
    for key, value in template["stringData"].items():
        assert values[key] == value or "password" in key
    assert not [word for word in create if "literal=" in word and "password" in word]


def test_commands_of_kubectl_name_what_the_manifests_make(commands, folder):
    documents = manifests.read(folder / "manifests")
    named = {
        f"{document['kind'].lower()}/{document['metadata']['name']}"
        for document in documents
    }
    named |= {f"pod/{name}-0" for name in manifests.of_kind(documents, "StatefulSet")}
    words = [word for command in _of(commands, "kubectl") for word in command]
    asked = {
        word for word in words if re.match(r"(pod|service|job|statefulset)/", word)
    }
    assert len(asked) == 4
    assert asked <= named
    files = {word for word in words if word.startswith("kubeflow/manifests/")}
    assert files
    assert all((folder.parent / file).is_file() for file in files)


def test_commands_of_elmo_tfx_exist_with_these_options(commands):
    asked = _of(commands, "elmo-tfx")
    assert len(asked) == 3
    for _, *words in asked:
        command: click.Command = main
        while isinstance(command, click.Group):
            below = command.get_command(click.Context(command), words.pop(0))
            assert below is not None
            command = below
        command.make_context("elmo-tfx", words)


def test_every_file_beside_it_is_listed(page, folder):
    listed = "".join(re.findall(r"^\| `.*$", page, re.MULTILINE))
    for path in (
        *folder.glob("*.py"),
        *folder.glob("manifests/*"),
        folder / "Dockerfile",
    ):
        assert f"`{path.relative_to(folder)}`" in listed
    for link in re.findall(r"\]\(\s*([^)#]+)", page):
        assert (folder / link).exists()
