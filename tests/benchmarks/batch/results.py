"""Raw results of a made-up batch run, with figures that are easy to reckon with."""

from __future__ import annotations

from benchmarks.batch.figures import Cost, Results, Run

SIZES = {"small": 1_100, "rows": 10_100, "large": 100_100}
START_UP = Cost(rows=100, wall_seconds=10.0, core_seconds=12.0)


def line(contender: str, rows: int, milliseconds: float, **more) -> Run:
    """Returns a run that takes so much per row beyond 100, on one and a half cores."""
    seconds = (rows - 100) * milliseconds / 1000
    return Run(
        contender=contender,
        whole=Cost(
            rows=rows, wall_seconds=10 + seconds, core_seconds=12 + 1.5 * seconds
        ),
        start_up=START_UP,
        **{"peak_mib": 1000.0, "labels": {"bad": rows // 2, "good": rows // 2}, **more},
    )


def results() -> Results:
    """Returns a run in which predict has 80 % of the bare loop, 4 times TFX's speed."""
    return Results(
        sizes=SIZES,
        runs=[
            line("bare loop", 10_100, 0.8),
            line("elmo-tfx predict", 10_100, 1.0),
            line("TFX BulkInferrer", 10_100, 4.0, labels=None),
            line("elmo-tfx predict", 1_100, 1.0),
            line("elmo-tfx predict", 100_100, 1.2),
            line("predict, 2 threads", 1_100, 1.5),
            line("predict, 2 processes", 1_100, 0.6),
        ],
        missing=[],
        conditions={
            "date": "2030-01-02",
            "cpu": "A processor",
            "cores": 2,
            "load_before": 0.0,
            "load_after": 2.0,
            "source": "reviews.csv",
            "texts": 10_605,
            "characters": 111.7,
            "start_up_rows": 100,
            "repeats": 3,
            "model_version": "7",
            "versions": {"tensorflow": "2.16.2"},
        },
    )
