"""Training whose Beam nodes run on a runner that serves."""

from __future__ import annotations

import collections

import pytest
import tensorflow as tf

from tests.beam_runners import LONG_ON_FLINK

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.mark.parametrize("beam_runner", ["prism", LONG_ON_FLINK], indirect=True)
def test_all_beam_nodes_run_there_and_transform_writes_the_same_rows(
    cli, full_run, beam_runner, tmp_path
):
    # As spans, too: the rows of one file alone would be divided class by class.
    data = full_run.texts.parent.parent / "{YYYY}-{MM}-{DD}" / "*.csv"
    given = ("--data", data, "--set=data.span=2026-11-25", "--output", tmp_path / "out")
    done = cli.run("run", *given, *cli.quick, "--", *beam_runner.options)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out" / "serving").glob("*/saved_model.pb"))
    transformed = _transformed(tmp_path / "out")
    assert sum(map(len, transformed.values())) > 190
    assert transformed == _transformed(full_run.output)


def _transformed(output):
    """Splits of Transform's output, as multisets of rows."""
    splits = collections.defaultdict(collections.Counter)
    pattern = "pipeline/Transform/transformed_examples/*/Split-*/*.gz"
    for path in output.glob(pattern):
        for record in tf.data.TFRecordDataset(str(path), "GZIP"):
            # The order of features in a record is any.
            example = tf.train.Example.FromString(record.numpy())
            row = example.SerializeToString(deterministic=True)
            splits[path.parent.name][row] += 1
    return splits
