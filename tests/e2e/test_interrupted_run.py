"""End-to-end test of a run on six classes that another run and a kill interrupt."""

from __future__ import annotations

import json
import os
import signal

import pytest

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def six_classes(sentences, write_csv, tmp_path_factory):
    """Real sentences of six classes: their review's label, and how long they are."""
    lengths = sorted(len(text) for text, _ in sentences)
    bounds = lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]
    rows = []
    for text, label in sentences:
        size = ("short", "medium", "long")[sum(len(text) > b for b in bounds)]
        rows.append((text, f"{label} {size}"))
    return write_csv(tmp_path_factory.mktemp("six") / "texts.csv", rows)


def test_a_killed_run_is_taken_up_and_pushes_exactly_once(cli, six_classes, tmp_path):
    output = tmp_path / "out"
    command = ("run", "--data", six_classes, "--output", output, *cli.quick)

    first = cli.start(*command)
    for line in first.stderr:
        if "] TextExampleGen" in line:
            break
    second = cli.run(*command)
    assert second.returncode == 1
    assert "another run writes into this output" in second.stderr
    assert str(output) in second.stderr

    for line in first.stderr:
        if "] Transform" in line:  # has ended; the Trainer is at work
            break
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    killed_push = output / "serving" / f".1.{'0' * 32}.part"
    (killed_push / "variables").mkdir(parents=True)

    third = cli.run(*command)
    assert third.returncode == 0, third.stderr
    states = cli.nodes(third.stderr)
    finished = ("TextExampleGen", "StatisticsGen", "AnomalyGate", "Transform")
    assert {states[node] for node in finished} == {"unchanged"}
    assert states["Trainer"] != "unchanged"
    [version] = (output / "serving").iterdir()
    assert (version / "saved_model.pb").is_file()

    scored = cli.run("score", "--model", output / "serving", "A fine film.")
    assert len(json.loads(scored.stdout)["probabilities"]) == 6
