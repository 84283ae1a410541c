"""Jobs over files of a test, with the toy classifier."""

from __future__ import annotations

import io
import json
from pathlib import Path

from components.text_example_gen.options import ReadOptions
from pipeline.batch.output import BatchOutput
from pipeline.batch.run_job import run_job
from pipeline.batch.staging import Request


def request_of(data, tmp_path, **changes):
    return Request(
        **{
            "inputs": (str(data),),
            "options": ReadOptions(
                label_column=None, key_column="id", keep_all=True, format="csv"
            ),
            "keep": ("id",),
            "output": str(tmp_path / "out"),
            "overwrite": False,
            "format": "jsonl",
            "shards": None,
            "chunk_rows": 16,
            "chunk_chars": 2**20,
            "beam_args": (),
            **changes,
        }
    )


def run(request, scorer, **options):
    output = BatchOutput(request.output)
    terminal = io.StringIO()
    with output.locked():
        return run_job(request, scorer, output, model={}, terminal=terminal, **options)


def lines_of(path: Path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
