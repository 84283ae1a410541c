"""The built wheel, in an environment made from the lists but without our sources."""

from __future__ import annotations

import site
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.packaging.commands import run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def requirements(wheel: Path) -> list[Requirement]:
    """What the wheel says it needs, extras included."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode("utf-8"))
    return [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]


def test_the_wheel_installs_and_its_command_shows_help(wheel, tmp_path):
    venv.create(tmp_path, with_pip=False, symlinks=True)
    python = tmp_path / "bin" / "python"
    (ours,) = tmp_path.glob("lib/python*/site-packages")
    # A .pth file lends the listed packages; the .pth of our sources, which lies among
    # them, is not followed from there.
    (ours / "listed.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    # pip sees the borrowed packages as installed: it must leave them as they are.
    pip = (python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps")
    run(*pip, "--ignore-installed", wheel, cwd=tmp_path)

    ask = "import keras_elmo; print(keras_elmo.__file__)"
    assert Path(run(python, "-c", ask, cwd=tmp_path).strip()).is_relative_to(ours)
    command = tmp_path / "bin" / "elmo-tfx"
    assert "Usage: elmo-tfx" in run(command, "--help", cwd=tmp_path)


def test_the_wheel_holds_all_modules_templates_and_the_embedded_model(
    wheel, repository
):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    for package in ("keras_elmo", "components", "pipeline"):
        modules = (repository / package).rglob("*.py")
        assert {str(path.relative_to(repository)) for path in modules} <= held
    templates = (repository / "pipeline").rglob("templates/*")
    assert {str(path.relative_to(repository)) for path in templates} <= held
    assert "keras_elmo/pretrained/options.json" in held
    assert "keras_elmo/pretrained/weights.hdf5" in held


@pytest.mark.parametrize("stack", ["tfx-1.16", "tfx-1.21"])
def test_the_ranges_hold_what_the_list_pins(requirements, repository, stack):
    pinned: dict[str, list[Version]] = {}
    text = (repository / "requirements" / f"{stack}.txt").read_text("utf-8")
    for line in text.splitlines():
        name, equals, rest = line.partition("==")
        if equals and not line.startswith((" ", "#")):
            pinned.setdefault(name, []).append(Version(rest.split()[0]))
    if stack == "tfx-1.21":  # dill is a need of TFX 1.16 alone, but does no harm.
        pinned.setdefault("dill", [Version("0.4")])
    assert requirements
    for requirement in requirements:
        versions = pinned[requirement.name]
        outside = [v for v in versions if v not in requirement.specifier]
        assert not outside, f"{requirement} leaves out {outside}"
