"""Data that arrives in spans: each run reads one, and trains on a window of them."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from pipeline.output_folder import OutputFolder
from tests.pipeline.newest_run import newest_run
from tests.texts import six_classes, write_csv

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture(scope="module")
def spans(full_run, sentences, tmp_path_factory):
    """A copy of the full run's output and data, with the texts of one more day."""
    folder = tmp_path_factory.mktemp("spans") / "copy"
    shutil.copytree(full_run.output.parent, folder)
    write_csv(folder / "data" / "2026-11-26" / "a.csv", six_classes(sentences)[::2])
    return folder


@pytest.fixture(scope="module")
def run(cli, spans):
    def start(*more, data=spans / "data", run=cli.run_loaded):
        pattern = os.path.join(data, "{YYYY}-{MM}-{DD}", "*.csv")
        output = ("--output", spans / "out", "--set=data.window_spans=2")
        return run("run", "--data", pattern, *output, *cli.quick, *more)

    return start


def _window(folder):
    summary = json.loads((folder / "out" / "summary.json").read_text())
    return summary["spans"]["newest"], list(summary["spans"]["window"])


def test_each_run_trains_on_the_window_of_its_span_against_the_model_before_it(
    full_run, run, spans, sentences
):
    assert _window(spans) == ("2026-11-25", ["2026-11-25"])
    # A window that begins with what no run has read.
    missing = "of the window, 2026-11-24 were not read or did not pass"
    assert missing in full_run.done.stdout

    done = run()  # the newest
    assert done.returncode == 0, done.stderr
    assert _window(spans) == ("2026-11-26", ["2026-11-25", "2026-11-26"])
    before = f"2026-11-25 ({len(sentences) + 3} rows)"
    assert f"trained and tested on {before}, 2026-11-26" in done.stdout
    record = newest_run(OutputFolder(spans / "out").open_metadata())
    assert len(record.all_outputs("Transform", "transformed_examples")) == 2
    assert record.output("PreviousModel", "model") is not None
    # The texts of the span before are in the store; the new span repeats some of them.
    summary = json.loads((spans / "out" / "summary.json").read_text())
    store = summary["training"]["embedding_cache"]
    assert store["cached_examples"] == store["examples"]
    assert store["encoded_examples"] < store["examples"] / 10


def test_the_same_run_again_changes_nothing_and_pushes_nothing(cli, run, spans):
    versions = sorted((spans / "out" / "serving").iterdir())
    # A name that leads to the same files is the same data.
    done = run(data=os.path.relpath(spans / "data", cli.folder))
    assert done.returncode == 0, done.stderr
    states = cli.nodes(done.stderr)
    # Resolvers look anew in every run.
    for resolver in ("SpanWindow", "PreviousModel"):
        assert states.pop(resolver).endswith(" s")
    assert set(states.values()) == {"unchanged"}
    assert f"unchanged, at {versions[-1]}" in done.stdout
    assert sorted((spans / "out" / "serving").iterdir()) == versions
    rows = json.loads((spans / "out" / "summary.json").read_text())["rows"]
    assert rows["read"] == rows["used"] + rows["rejected"] > 0


def test_where_nothing_is_new_a_run_ends_at_once_if_it_may(run):
    done = run("--only-if-new")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "nothing new in span 2026-11-26 since the run that ended 20"
    )
    assert "TextExampleGen" not in done.stderr


def test_the_model_of_the_span_before_can_be_served_again(cli, spans):
    serving = spans / "out" / "serving"
    before = sorted(each.name for each in serving.iterdir())
    assert len(before) == 2
    done = cli.run_loaded("rollback", "--output", spans / "out")
    assert done.returncode == 0, done.stderr
    assert (
        f"with the model of version {before[0]}; withdrawn: {before[1]}" in done.stdout
    )
    newest = max(serving.iterdir(), key=lambda each: int(each.name))
    assert newest.name not in before
    scored = cli.run_loaded("score", "--model", serving, "a fine film")
    assert scored.returncode == 0, scored.stderr
    again = cli.run_loaded("rollback", "--output", spans / "out")
    assert again.returncode == 2
    assert "no earlier model is there to go back to" in again.stderr


def test_a_span_without_data_is_named_with_the_place_where_it_should_lie(cli, run):
    done = run("--set=data.span=2026-12-01", run=cli.run)
    assert done.returncode == 2
    assert "No file matches" in done.stderr
    assert "data/2026-12-01/*.csv" in done.stderr
    assert "data holds 2026-11-24, 2026-11-25, 2026-11-26" in done.stderr


def test_a_span_of_a_pattern_that_has_none_is_refused(cli, spans):
    texts = spans / "data" / "2026-11-24" / "texts.csv"
    done = cli.run("run", "--data", texts, "--output", "o", "--set=data.window_spans=2")
    assert done.returncode == 2
    assert "span and window_spans need a pattern with {SPAN}" in done.stderr
