from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

from benchmarks.batch.contenders import (
    CONTENDERS,
    PREDICT,
    PROCESSES,
    TFX,
    Outcome,
)
from benchmarks.batch.inputs import Inputs


def test_predict_gets_the_beam_options_behind_its_own(tmp_path):
    inputs, output = Inputs(tmp_path, ["a"]), tmp_path / "output"
    given = CONTENDERS[PROCESSES].arguments(Path("model"), inputs, 3, output)
    assert given[1:4] == ["-m", "pipeline.cli", "predict"]
    ours, beam = given[: given.index("--")], given[given.index("--") + 1 :]
    assert ours[ours.index("--input") + 1] == str(inputs.csv(3))
    assert beam == ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]


def test_what_predict_has_written_is_read_off_its_summary(tmp_path):
    tallies = {"label good": 2, "label bad": 1, "cut": 3}
    summary = {"rows_out": 3, "tallies": tallies, "model_version": "7"}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert CONTENDERS[PREDICT].outcome(tmp_path) == Outcome(
        rows=3, labels={"good": 2, "bad": 1}, version="7"
    )


def test_the_prediction_logs_are_counted_over_all_files(tmp_path):
    for name, records in (("a.gz", [b"one", b""]), ("b.gz", [b"x" * 100_000])):
        with tf.io.TFRecordWriter(str(tmp_path / name), "GZIP") as writer:
            for record in records:
                writer.write(record)
    assert CONTENDERS[TFX].outcome(tmp_path) == Outcome(rows=3)
