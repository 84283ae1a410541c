"""Where room has to be made when a run fails on a full disk."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from pipeline import local_runner
from pipeline.full_disk import with_full_disk
from pipeline.metadata.runs import RunRecord
from pipeline.output_folder import OutputFolder
from pipeline.runs import summarize
from pipeline.runs.outcomes import RunFailed, RunResult, reason_of
from pipeline.runs.past_runs import PastRun, read_run, write_run


@pytest.mark.parametrize("full", ["temporary", "out", ""])
def test_a_node_that_fails_for_room_says_where(tmp_path, monkeypatch, full):
    for name in ("temporary", "out"):
        (tmp_path / name).mkdir()

    def disk_usage(path):
        return SimpleNamespace(free=0 if full and full in str(path) else 2**40)

    monkeypatch.setattr("shutil.disk_usage", disk_usage)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a write names no file
    began = datetime.now(timezone.utc)
    failed = local_runner._failure(
        error,
        "ServingCheck",
        OutputFolder(tmp_path / "out"),
        PastRun(run_id="a", verdict="running", began=began),
    )
    message = failed.format_message()
    assert message.startswith("ServingCheck failed: ") and "\n" not in message
    place = tmp_path / (full or "")
    assert f"(hint: make room in {place}" in message or (
        f"No space left on device for {place}" in message
    )


@pytest.mark.parametrize("free", [0, 2**40], ids=["full", "room again"])
def test_a_folder_of_the_output_may_be_the_full_disk(tmp_path, monkeypatch, free):
    serving = tmp_path / "out" / "serving"
    serving.parent.mkdir()
    serving.symlink_to("/proc")  # another file system than that of the tests

    def disk_usage(path):
        return SimpleNamespace(free=free if path == serving else 2**40)

    monkeypatch.setattr("shutil.disk_usage", disk_usage)
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a", 0, f"{serving}/.1/b")
    reason = with_full_disk(reason_of(error), str(tmp_path / "out"))
    assert reason.endswith(f"\nhint: make room in {serving}")


def test_a_summary_that_has_no_room_says_where(tmp_path, monkeypatch):
    def summarize_run(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    output, began = OutputFolder(tmp_path / "out"), datetime.now(timezone.utc)
    begun = PastRun(run_id="a", verdict="running", began=began)
    write_run(output.path, begun)
    monkeypatch.setattr(summarize, "summarize_run", summarize_run)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    record, log = RunRecord("a", []), tmp_path / "log"
    with pytest.raises(RunFailed) as caught:
        local_runner.summarize(RunResult(None, output, record, begun, log))
    assert f"No space left on device for {output.path}" in str(caught.value)
    assert read_run(output.path, "a").verdict == "failed"
