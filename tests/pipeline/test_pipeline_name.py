"""Tests of pipeline_name: outputs that share a server do not share their records."""

from __future__ import annotations

from pipeline.metadata import store
from pipeline.output_folder import pipeline_name


def test_a_sqlite_file_has_one_pipeline_wherever_its_folder_is_moved():
    assert pipeline_name("/a") == pipeline_name("/b") == "elmo_tfx"


def test_on_a_server_each_output_has_its_own(monkeypatch):
    monkeypatch.setenv(store.PREFIX + "HOST", "127.0.0.1")
    assert pipeline_name("/a") == pipeline_name("/a")
    assert pipeline_name("/a") != pipeline_name("/b")
    assert "." not in pipeline_name("/a")  # TFX puts one before a node's name
