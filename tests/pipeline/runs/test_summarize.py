"""What a summary says of results that an earlier run made, or that lie elsewhere."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone

import pytest

from pipeline.metadata.metadata import Metadata
from pipeline.metadata.runs import UNCHANGED, MadeArtifact
from pipeline.metadata.store import open_store
from pipeline.runs.past_runs import TOLD_LATE, PastRun, read_run, write_run
from pipeline.runs.summarize import _push, _training, note_untold_pushes
from pipeline.training.history import HISTORY_FILE
from tests.pipeline.pushing_pipeline import PushingOutput
from tests.pipeline.report import summaries

BEGAN = datetime.now(timezone.utc)


class _Record:
    def __init__(self, uri):
        self._made = MadeArtifact(uri=str(uri), properties={})

    def output(self, node, key):
        return self._made if (node, key) == ("Trainer", "model_run") else None


def test_the_model_that_a_training_began_with_moves_with_the_output(tmp_path):
    folder = tmp_path / "moved" / "pipeline" / "Trainer" / "model_run" / "9"
    folder.mkdir(parents=True)
    history = json.loads(summaries.summary().to_json())["training"]
    begun = {"from": "/before/out/pipeline/Trainer/model/7", "reason": None}
    history["warm_start"] = begun
    (folder / HISTORY_FILE).write_text(json.dumps(history))
    model = _training(_Record(folder)).warm_start.model
    assert model == f"{tmp_path}/moved/pipeline/Trainer/model/7"


@pytest.mark.parametrize("verdict", ["interrupted", "failed", "pushed", None])
def test_a_push_of_a_run_that_could_not_say_so_is_said_by_its_repeat(tmp_path, verdict):
    output = PushingOutput(tmp_path / "out")
    output.push(1)
    runs = Metadata(open_store(output.metadata), "tiny").runs
    first = runs.newest()
    if verdict is not None:
        facts = {} if verdict != "pushed" else {"version": output.versions()[0]}
        run = PastRun(run_id=first, verdict=verdict, began=BEGAN, log="a.log", **facts)
        write_run(output.path, run)
    output.push(1)
    repeat = runs.of(runs.newest())
    assert repeat.run_id != first and repeat.pushed_to(UNCHANGED)
    is_late = verdict in ("interrupted", "failed")
    assert _push(repeat, output).now == is_late
    by_hand = output.serving / "99999999999"
    by_hand.mkdir()
    (by_hand / "saved_model.pb").touch()
    push = _push(repeat, output)
    assert (push.now, push.instead) == (False, str(by_hand)), "it is not served"
    shutil.rmtree(by_hand)
    told = {"verdict": "pushed", "version": output.versions()[0]}
    write_run(output.path, PastRun(run_id=repeat.run_id, began=BEGAN, **told))
    assert not _push(repeat, output).now, "a push is told once"


def test_a_failed_run_has_pushed_nothing_that_another_pushed(tmp_path):
    output = PushingOutput(tmp_path / "out")
    output.push(1)
    write_run(output.path, PastRun(run_id="failed", verdict="failed", began=BEGAN))
    output.push(1)
    runs = Metadata(open_store(output.metadata), "tiny").runs
    assert not _push(runs.of(runs.newest()), output).now


@pytest.mark.parametrize("verdict", ["interrupted", "failed", "refused"])
def test_a_push_of_a_run_that_could_not_say_so_is_known_after_any_other(
    tmp_path, verdict
):
    output = PushingOutput(tmp_path / "out")
    output.push(1)
    runs = Metadata(open_store(output.metadata), "tiny").runs
    first, version = runs.newest(), output.versions()[0]
    run = PastRun(run_id=first, verdict=verdict, began=BEGAN, log="a.log")
    write_run(output.path, run)
    output.push(2)
    shutil.rmtree(output.serving / str(version))  # as an old one, by that run
    note_untold_pushes(output)
    noted = read_run(output.path, first)
    if verdict == "refused":
        assert (noted.verdict, noted.version) == ("refused", None)
    else:
        assert (noted.verdict, noted.version) == ("pushed", version)
        assert noted.reasons == [TOLD_LATE]
