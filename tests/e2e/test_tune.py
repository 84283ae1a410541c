"""`elmo-tfx run --tune`: a search before the training, and none the second time."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_options_are_searched_trained_with_and_told(
    cli, sentences, write_csv, tmp_path
):
    path = write_csv(tmp_path / "texts.csv", sentences)
    output = tmp_path / "out"
    command = ("run", "--data", path, "--output", output, "--tune", "10s", *cli.quick)
    done = cli.run_loaded(*command)
    assert done.returncode == 0, done.stderr
    assert list(cli.nodes(done.stderr)).index("Tuner") == 6
    assert "better options of the head were searched in" in done.stdout
    training = json.loads((output / "summary.json").read_text())["training"]
    assert training["tuning"]["trials"] >= 1
    assert training["tuning"]["texts"] > 100
    assert not list((output / "resume").iterdir())
    # The Trainer finds all vectors in the store.
    assert training["embedding_cache"]["encoded_examples"] == 0

    again = cli.run_loaded(*command)
    assert again.returncode == 0, again.stderr
    assert cli.nodes(again.stderr)["Tuner"] == "unchanged"
    assert cli.nodes(again.stderr)["Trainer"] == "unchanged"


def test_a_trained_elmo_and_a_search_are_refused_in_one_line(cli, tmp_path):
    done = cli.run_loaded(
        "run", "--data", "a.csv", "--output", tmp_path / "out", "--tune", "5m",
        "--set=elmo.trainable=true",
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "error: option train.tune must be none with elmo.trainable"
    )
