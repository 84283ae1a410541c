from __future__ import annotations

import pytest

from pipeline.scheduling.store import ScheduleFolder


@pytest.fixture
def folder(tmp_path) -> ScheduleFolder:
    return ScheduleFolder(tmp_path / "out")


@pytest.fixture
def short_waits(monkeypatch) -> None:
    for name in ("_LONGEST_WAIT_SECONDS", "_BUSY_SECONDS"):
        monkeypatch.setattr(f"pipeline.scheduling.schedule.{name}", 0.05)
