"""Rows that are rejected, as they are shown."""

from __future__ import annotations

import datetime
import decimal
import json

from components.text_example_gen.reading.records import Record, reject


def test_a_rejected_row_of_parquet_is_json_as_the_output_is():
    columns = {
        "text": None,
        "a": float("nan"),
        "b": b"\x00\xff",
        "c": [datetime.timedelta(days=1, milliseconds=500), decimal.Decimal("1.50")],
        "d": {"e": datetime.date(2024, 2, 29)},
    }
    record = Record(
        source="a.parquet",
        position=1,
        columns=columns,
        raw=None,
        replaced_utf8=False,
        renamed=(),
    )
    assert json.loads(reject(record, "no_text", "")["text"]) == {
        "text": None,
        "a": None,
        "b": "AP8=",
        "c": ["P1DT0.5S", "1.50"],
        "d": {"e": "2024-02-29"},
    }
