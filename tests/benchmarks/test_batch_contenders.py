from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks.batch.attempts import attempt
from benchmarks.batch.contenders import (
    BARE_LOOP,
    CONTENDERS,
    PREDICT,
    PROCESSES,
    TFX,
    Contender,
    Outcome,
)
from benchmarks.batch.figures import Cost
from benchmarks.batch.rows import Inputs
from benchmarks.errors import NotMeasured


def test_predict_gets_the_beam_options_behind_its_own(tmp_path):
    inputs, output = Inputs(tmp_path, ["a"]), tmp_path / "output"
    given = CONTENDERS[PROCESSES].arguments(Path("model"), inputs, 3, output)
    assert given[1:4] == ["-m", "pipeline.cli", "predict"]
    ours, beam = given[: given.index("--")], given[given.index("--") + 1 :]
    assert ours[ours.index("--input") + 1] == str(inputs.csv(3))
    assert beam == ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]


def test_what_predict_has_written_is_read_off_its_summary(tmp_path):
    tallies = {"label good": 2, "label bad": 1, "cut": 3}
    told = {"rows_out": 3, "tallies": tallies, "model_version": "7"}
    (tmp_path / "summary.json").write_text(json.dumps(told))
    assert CONTENDERS[PREDICT].outcome(tmp_path) == Outcome(
        rows=3, labels={"good": 2, "bad": 1}, version="7"
    )


def test_the_prediction_logs_are_counted_over_all_files(tmp_path):
    for name, records in (("a.gz", [b"one", b""]), ("b.gz", [b"x" * 100_000])):
        with tf.io.TFRecordWriter(str(tmp_path / name), "GZIP") as writer:
            for record in records:
                writer.write(record)
    assert CONTENDERS[TFX].outcome(tmp_path) == Outcome(rows=3)


def _stand_in(monkeypatch, outcome):
    quick = Contender(command=lambda *_: ["this"], outcome=lambda _: outcome)
    monkeypatch.setitem(CONTENDERS, BARE_LOOP, quick)


def test_what_a_contender_measured_itself_is_all_but_its_start_up(
    monkeypatch, tmp_path
):
    net = {"wall_seconds": 0.001, "core_seconds": 0.001}
    _stand_in(monkeypatch, Outcome(rows=3, net=net))
    given = {"folder": tmp_path, "model": tmp_path, "inputs": Inputs(tmp_path, ["a"])}
    made = attempt(BARE_LOOP, 3, **given)
    assert made.seconds == 0.001
    assert made.whole.rows == 3
    assert made.start_up == Cost(
        rows=0,
        wall_seconds=made.usage.wall_seconds - 0.001,
        core_seconds=made.usage.core_seconds - 0.001,
    )


def test_a_contender_that_loses_rows_is_not_measured(monkeypatch, tmp_path):
    _stand_in(monkeypatch, Outcome(rows=2))
    given = {"folder": tmp_path, "model": tmp_path, "inputs": Inputs(tmp_path, ["a"])}
    with pytest.raises(NotMeasured, match="it has written 2 of 3 rows"):
        attempt(BARE_LOOP, 3, **given)
    assert list(tmp_path.iterdir()) == []
