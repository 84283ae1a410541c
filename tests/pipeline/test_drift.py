"""Two spans through the pipeline's own nodes, as far as the gate."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from components.anomaly_gate.executor import AnomaliesFoundError
from pipeline.config import load_config
from pipeline.output_folder import OutputFolder
from pipeline.pipeline import create_pipeline
from pipeline.runs.data_facts import anomalies_of, drift_of
from pipeline.runs.node_launcher import NodeLauncher
from pipeline.runs.summary import Anomaly

pytestmark = pytest.mark.timeout(600)

_WORDS = [f"word{number}" for number in range(40)]


def _write_span(folder, number, spam):
    draw = random.Random(number)
    lines = ["text,label"]
    for row in range(100):
        words = " ".join(draw.choices(_WORDS, k=draw.randint(4, 20)))
        lines.append(f"{words},{'spam' if row < spam else 'ham'}")
    path = folder / str(number) / "texts.csv"
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def run_span(tmp_path):
    """Runs the nodes up to the gate on the newest span, which it writes first."""
    pattern = f"{tmp_path}/{{SPAN}}/*.csv"

    def run(number, *, spam, on_drift="stop"):
        _write_span(tmp_path, number, spam)
        overrides = {"data.window_spans": 3, "gate.on_drift": on_drift}
        config = load_config(
            None,
            [f"output={tmp_path}/out", f"data.pattern={pattern}"]
            + [f"{name}={value}" for name, value in overrides.items()],
        )
        output = OutputFolder(config.output)
        output.path.mkdir(exist_ok=True)
        launcher = NodeLauncher(create_pipeline(config), str(number), output.metadata)
        for node in itertools.takewhile(
            lambda node: node != "Transform", launcher.nodes
        ):
            launcher.launch(node)
        record = output.open_metadata().runs.of(str(number))
        drift = drift_of(pattern, record.output("DriftCheck", "drift"))
        clearance = record.output("AnomalyGate", "clearance")
        return drift, clearance.uri, anomalies_of(clearance)

    return run


@pytest.mark.slow
def test_a_span_with_other_labels_stops_at_the_gate_or_is_let_pass_with_a_warning(
    run_span,
):
    drift, _, anomalies = run_span(1, spam=50)
    assert (drift, anomalies.verdict) == (None, "clear")

    with pytest.raises(AnomaliesFoundError) as caught:
        run_span(2, spam=90)
    message = str(caught.value)
    assert "newest span, feature `label`: High Linfty distance" in message
    assert (
        "raise `drift.label`; or let drift pass with `gate.on_drift: warn`" in message
    )

    # The next span is not measured against the one that was refused.
    drift, clearance, anomalies = run_span(3, spam=90, on_drift="warn")
    assert drift.before == ["1"]
    assert drift.distances["label"].value == pytest.approx(0.4)
    assert anomalies.verdict == "warned"
    (anomaly,) = anomalies.found
    assert (anomaly.split, anomaly.feature) == ("(whole span)", "label")
    written = json.loads(Path(clearance, "clearance.json").read_text())["drift"]
    assert [Anomaly.model_validate(each) for each in written] == [anomaly]
