"""What a run was made with, and the rows it could not use."""

from __future__ import annotations

import json
import platform

import pytest

from pipeline.config import load_config
from pipeline.runs.surroundings import (
    chosen_options,
    folder_bytes,
    rejected_examples,
    versions,
)

_SET = {"data.pattern": "/data/*.csv", "output": "/data/out"}


def test_the_options_that_differ_from_their_defaults_are_named():
    chosen = {
        "train.epochs": 5,
        "train.seed": 1,
        "data.text_column": ["title", "token count"],
        "evaluation.thresholds": {"auc": 0.9},
    }
    shown = chosen_options(load_config(options=_SET | chosen))
    del chosen["train.seed"]  # as it is anyhow
    assert shown == _SET | chosen


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--db_password=hunter2 x"], ["--db_password=(hidden)"]),
        (["--api-key", "hunter2", "--n=1"], ["--api-key", "(hidden)", "--n=1"]),
        (["--url=https://me:hunter2@host/x"], ["--url=https://(hidden)@host/x"]),
        (["--runner=FlinkRunner"], ["--runner=FlinkRunner"]),
    ],
)
def test_passwords_are_hidden(given, shown):
    config = load_config(options={**_SET, "beam.args": given})
    assert chosen_options(config)["beam.args"] == shown


def test_the_versions_are_those_that_are_installed():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["tfx"] in ("1.16.0", "1.21.0")
    assert {"tensorflow", "keras", "apache-beam"} <= set(found)


def test_of_each_reason_the_first_rows_are_examples(tmp_path):
    for shard in range(2):
        lines = [
            {
                "source": "/a.csv",
                "position": number,
                "reason": ("no_text", "no_label")[number % 2],
                "detail": "it is empty",
                "text": "x" * 1000,
            }
            for number in range(20 * shard + 1, 20 * shard + 21)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"rejected-0000{shard}-of-00002.jsonl").write_text(text)
    rows = rejected_examples(str(tmp_path))
    assert [(row.reason, row.position) for row in rows] == [
        ("no_label", 1), ("no_label", 3), ("no_label", 5),
        ("no_text", 2), ("no_text", 4), ("no_text", 6),
    ]  # fmt: skip
    assert len(rows[0].text) == 300


def test_without_rejected_rows_there_are_no_examples(tmp_path):
    assert rejected_examples(str(tmp_path / "rejected")) == []


def test_the_size_of_a_folder_is_that_of_all_its_files(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"123")
    assert folder_bytes(str(tmp_path)) == 8
