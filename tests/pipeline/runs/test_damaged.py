"""What is said of results of earlier runs that are not any more what was written."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError

from components.anomaly_gate import executor as anomaly_gate
from components.drift_check import report as drift_report
from components.serving_check import executor as serving_check
from components.text_example_gen.examples import COUNTS_FILE
from pipeline import local_runner, output_folder
from pipeline.config import Config
from pipeline.metadata.runs import MadeArtifact, NodeRecord, RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.runs.damaged import ResultDamaged, damage_behind
from pipeline.runs.past_runs import PastRun
from pipeline.runs.summarize import gather
from pipeline.training.history import HISTORY_FILE
from tests.pipeline.pushing_pipeline import PushingOutput

# Node, key of its result, the file in it.
_RESULTS = (
    ("TextExampleGen", "examples", COUNTS_FILE),
    ("DriftCheck", "drift", drift_report.REPORT_NAME),
    ("AnomalyGate", "clearance", anomaly_gate.REPORT_NAME),
    ("Trainer", "model_run", HISTORY_FILE),
    ("ServingCheck", "blessing", serving_check.REPORT_NAME),
)
_DAMAGES = (b"", b"[", b"\xff\xfe", b"[" * 200_000, b"[]", b'{"before": 1}')


def _record(folder: Path, node: str, key: str) -> RunRecord:
    made = MadeArtifact(str(folder), {"span": 0})
    return RunRecord("1", [NodeRecord(node, "unchanged", 1.0, {key: [made]})])


@pytest.mark.parametrize("content", _DAMAGES, ids=range(len(_DAMAGES)))
@pytest.mark.parametrize(("node", "key", "name"), _RESULTS)
def test_the_result_is_named_and_what_helps(tmp_path, node, key, name, content):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / name).write_bytes(content)
    config = Config(data={"pattern": "a.csv"}, output=str(tmp_path / "out"))
    with pytest.raises(ResultDamaged) as error:
        gather(OutputFolder(tmp_path / "out"), _record(folder, node, key), config)
    message = error.value.format_message()
    assert message.startswith(f"{folder} is not what was written: ")
    assert "(hint: remove that folder; the next run makes it again)" in message
    assert "\n" not in message


@pytest.mark.parametrize(("node", "key", "name"), _RESULTS)
def test_of_an_earlier_run_it_is_passed_over(tmp_path, caplog, node, key, name):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / name).write_text(json.dumps({"rows_in": "many"}) + "[")
    summary = gather(OutputFolder(tmp_path / "out"), _record(folder, node, key))
    assert summary.run_id == "1" and summary.rows is None and summary.training is None
    assert (f"{folder} is not what was written" in caplog.text) == (
        node != "DriftCheck"
    ), "without a configuration nobody reads the drift"


@pytest.fixture
def output(tmp_path, monkeypatch) -> PushingOutput:
    """An output with a run whose results were noted, as the launcher does."""
    monkeypatch.setattr(output_folder, "_PIPELINE_NAME", "tiny")
    made = PushingOutput(tmp_path / "out")
    made.push(1)
    folders = [str(each) for each in made.artifacts.glob("*/*/*") if each.is_dir()]
    made.open_metadata().inventory.note(folders)
    return made


def _damage_behind(output: PushingOutput) -> str:
    return damage_behind(output, output.open_metadata().runs.names()[-1])


def test_what_a_failed_run_has_read_is_found_and_made_again(output):
    assert _damage_behind(output) == ""
    [baseline] = output.artifacts.glob("BlessAgainst/blessing/*/baseline.json")
    baseline.write_text("nule")
    assert _damage_behind(output) == (
        f"{baseline} is not what was written\nhint: the same command makes it again"
    )
    output.push(1)
    first, again = sorted(output.artifacts.glob("BlessAgainst/blessing/*/*.json"))
    assert (first, again.read_text()) == (baseline, "null")
    assert _damage_behind(output) == ""


def test_the_model_to_compare_with_is_not_given_up(output):
    [graph] = output.artifacts.glob("MakeServing/model/*/Format-Serving/*.pb")
    graph.write_text("2")
    model = graph.parent.parent
    assert _damage_behind(output).startswith(
        f"{graph} is not what was written\nhint: bring back a copy of {model}, with"
    )
    assert output.open_metadata().pushed.last_blessed() == str(model)


def test_a_run_that_fails_over_it_says_so(output):
    [baseline] = output.artifacts.glob("BlessAgainst/blessing/*/baseline.json")
    baseline.write_text("nule")
    began = datetime.now(timezone.utc)
    run_id = output.open_metadata().runs.names()[-1]
    failed = local_runner._failure(
        DecodeError("Error parsing"),
        "Pusher",
        output,
        PastRun(run_id=run_id, verdict="running", began=began),
    )
    assert failed.format_message() == (
        f"Pusher failed: {baseline} is not what was written (DecodeError: Error "
        "parsing) (hint: the same command makes it again)"
    )
