from __future__ import annotations

import pytest

from pipeline.scheduling.store import ScheduleFolder


@pytest.fixture
def folder(tmp_path) -> ScheduleFolder:
    return ScheduleFolder(tmp_path / "out")


@pytest.fixture
def short_waits(monkeypatch) -> None:
    monkeypatch.setattr("pipeline.scheduling.schedule._LONGEST_WAIT_SECONDS", 0.05)
