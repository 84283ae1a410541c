"""The image of kubeflow/Dockerfile, executed here, and what runs in it.

The first run takes some six minutes on two cores and 5 GB of disk, and later ones
seconds: the layers stay in ~/.cache/elmo-tfx/image (or ELMO_TFX_IMAGE).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kubeflow.image_build import built, built_beside
from tests.kubeflow.image_machine import Unavailable
from tests.pipeline.batch.toy_classifier import write_toy

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]

_USER = 10001


@pytest.fixture(scope="module")
def cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("ELMO_TFX_IMAGE", home / "elmo-tfx" / "image"))


@pytest.fixture(scope="module")
def image(repository, cache):
    try:
        with built(repository, "pipeline", cache) as image:
            yield image
    except Unavailable as error:
        pytest.skip(f"the image cannot be built here: {error}")


@pytest.fixture
def volume(tmp_path):
    """A volume as loader.yaml leaves it, with some texts."""
    volume = tmp_path / "volume"
    volume.mkdir()
    rows = [f"{'good' if n % 2 else 'bad'} number {n},{n % 2}" for n in range(60)]
    (volume / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    config = {
        "data": {"pattern": "/data/*.csv"},
        "output": "/data/elmo-tfx",
    }
    (volume / "run.yaml").write_text(yaml.safe_dump(config))
    os.chown(volume, _USER, _USER)
    return volume


def _shell(image, script: str) -> str:
    done = image.run("sh", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_entry_point_is_the_command(image):
    done = image.run(*image.entrypoint, "--version")
    assert done.stdout.startswith("elmo-tfx, version "), done.stderr


def test_a_container_is_a_user_who_may_write_in_its_folder_and_not_in_the_program(
    image,
):
    assert _shell(image, "id -u; id -g; pwd").split() == ["10001", "10001", "/work"]
    assert _shell(image, "touch here && ls") == "here"
    for folder in ("/opt/elmo-tfx/bin", "/usr/local/bin", "/etc"):
        assert image.run("touch", f"{folder}/there").returncode != 0


def test_no_compiler_is_left(image):
    tools = "g++ gcc cc c++ cpp as ld make"
    assert _shell(image, f"for tool in {tools}; do command -v $tool; done; true") == ""
    # What g++ starts lies elsewhere. (TensorFlow itself brings headers, of C++ too.)
    assert _shell(image, "find /usr -name 'cc1*' -o -name 'libstdc++.a'") == ""


def test_all_packages_are_installed_and_none_is_of_the_source_tree(image):
    names = ["keras_elmo", "components", "pipeline", "elmo_kubeflow"]
    script = (
        f"import {','.join(names)}; print(*(m.__file__ for m in ({','.join(names)})))"
    )
    places = _shell(image, f"python -c '{script}'").split()
    assert len(places) == len(names)
    assert all("/opt/elmo-tfx/lib/" in place for place in places)


def test_the_steps_of_a_cluster_start_in_it(image):
    done = image.run("python", "-m", "elmo_kubeflow.step", "node", "--help")
    assert "--executor-input" in done.stdout, done.stderr[-3000:]


def test_the_page_says_how_large_the_environments_are(image, repository):
    page = (repository / "docs" / "runners.md").read_text("utf-8")
    stages = {
        "pipeline": (image, "/opt/elmo-tfx"),
        "batch-worker": (
            built_beside(image, repository, "build-batch"),
            "/opt/elmo-tfx-batch",
        ),
    }
    for target, (stage, folder) in stages.items():
        [said] = re.findall(rf"^\| `{target}`.* \| ([\d,]+) MiB \|$", page, re.M)
        size = int(_shell(stage, f"du -sm {folder}").split()[0])
        assert abs(size / int(said.replace(",", "")) - 1) < 0.03, (target, size)


def test_what_the_list_pins_fits_together(image, repository):
    # But for what was left out or overridden on purpose; pip says so each time.
    lines = (repository / "requirements" / "image-overrides.txt").read_text("utf-8")
    chosen = re.findall(r"^[\w-]+", lines, re.MULTILINE)
    faults = image.run("python", "-m", "pip", "check").stdout.splitlines()
    assert faults
    for fault in faults:
        [missed] = re.findall(r" (?:requires|has requirement) ([\w-]+)", fault)
        assert missed in chosen, fault


def test_a_node_runs_on_the_volume_and_leaves_its_outputs_there(image, volume):
    command = ["python", "-m", "pipeline.run_node", "--config", "/data/run.yaml"]
    command += ["--node", "TextExampleGen", "--run-id", "r1"]
    done = image.run(*command, volumes={"/data": volume})
    assert done.returncode == 0, done.stderr[-3000:]
    assert "TextExampleGen: " in done.stdout
    written = list((volume / "elmo-tfx").rglob("*.gz"))
    assert written
    assert {file.stat().st_uid for file in written} == {_USER}
    # What it wrote elsewhere is gone with it, and nothing stays mounted.
    assert _shell(image, "ls -A /work; ls -d /data 2>/dev/null; true") == ""
    mounts = subprocess.run(["mount"], capture_output=True, text=True, check=True)
    assert str(image.cache) not in mounts.stdout


@pytest.mark.parametrize("command", ["predict", "embed"])
def test_the_environment_of_batch_workers_has_what_their_jobs_import(
    image, repository, volume, command
):
    options = ["--input", "/data/texts.csv", "--text-column", "text"]
    if command == "predict":
        write_toy(volume / "serving" / "1")
        options += ["--model", "/data/serving"]
    program = ["/opt/elmo-tfx-batch/bin/elmo-tfx", command, *options]
    # Not `batch-worker` itself, whose boot program is in Beam's own image.
    stage = built_beside(image, repository, "build-batch")
    done = stage.run(*program, "--output", "/data/out", volumes={"/data": volume})
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rows_out=60" in done.stdout + done.stderr
