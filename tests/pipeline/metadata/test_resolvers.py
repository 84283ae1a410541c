"""The window of spans, resolved by TFX from what real runs have left."""

import json
from pathlib import Path
from typing import List  # noqa: UP035  # TFX knows no other

import pytest
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.types import Channel, standard_artifacts
from tfx.utils import name_utils

from pipeline.metadata.resolvers import SpanWindowStrategy
from tests.pipeline.run_nodes import run_nodes


@component
def Ingest(
    examples: OutputArtifact[standard_artifacts.Examples],
    span: Parameter[int],
    content: Parameter[str],
):
    """Makes the examples of a span."""
    examples.set_int_custom_property("span", span)
    Path(examples.uri, "content").write_text(content)


@component
def Gate(examples: InputArtifact[standard_artifacts.Examples], strict: Parameter[int]):
    """Refuses what is odd."""
    if strict and "odd" in Path(examples.uri, "content").read_text():
        raise ValueError("odd")


@component
def Show(
    examples: InputArtifact[List[standard_artifacts.Examples]],  # noqa: UP006
    to: Parameter[str],
):
    """Writes down which examples came; TFX promises no order."""
    content = [Path(each.uri, "content").read_text() for each in examples]
    Path(to).write_text(json.dumps(content))


@pytest.fixture
def run(tmp_path):
    """Ingests a span; gives the window of three spans that a later node sees."""

    def ingest(span: int, content: str, *, strict: bool = True) -> set[str]:
        made = Ingest(span=span, content=content)
        window = Resolver(
            strategy_class=SpanWindowStrategy,
            config={"spans": 3, "gate": name_utils.get_full_name(Gate)},
            examples=Channel(
                type=standard_artifacts.Examples, producer_component_id="Ingest"
            ),
            newest=made.outputs["examples"],
        ).with_id("SpanWindow")
        shown = tmp_path / "shown.json"
        shown.unlink(missing_ok=True)
        show = Show(examples=window.outputs["examples"], to=str(shown))
        gate = Gate(examples=made.outputs["examples"], strict=int(strict))
        show.add_upstream_node(gate)
        run_nodes([made, window, gate, show], tmp_path)
        return set(json.loads(shown.read_text())) if shown.exists() else set()

    return ingest


def test_the_last_spans_come_and_older_ones_stay_out(run):
    assert run(1, "one") == {"one"}
    assert run(2, "two") == {"two", "one"}
    assert run(3, "three") == {"three", "two", "one"}
    assert run(4, "four") == {"four", "three", "two"}


def test_a_gap_is_no_reason_to_reach_further_back(run):
    run(1, "one")
    run(2, "two")
    assert run(4, "four") == {"four", "two"}


def test_a_span_ingested_again_replaces_what_it_brought_before(run):
    run(1, "one")
    run(2, "two")
    assert run(2, "two, mended") == {"two, mended", "one"}
    assert run(3, "three") == {"three", "two, mended", "one"}


def test_a_span_that_went_back_to_its_first_content_has_that(run):
    run(1, "one")
    run(1, "one, spoilt")
    run(1, "one")  # from the cache: the first artifact again
    assert run(2, "two") == {"two", "one"}


def test_an_old_span_sees_no_later_ones(run):
    run(2, "two")
    run(3, "three")
    assert run(1, "one") == {"one"}


def test_a_window_that_was_seen_before_is_nothing_new(run):
    run(1, "one")
    assert run(2, "two") == {"two", "one"}
    assert run(2, "two") == set()  # Show was taken from the cache


def test_a_span_that_the_gate_refused_stays_out_until_it_lets_it_pass(run):
    run(1, "one")
    with pytest.raises(ValueError, match="odd"):
        run(2, "two is odd")
    assert run(3, "three") == {"three", "one"}
    assert run(2, "two is odd", strict=False) == {"two is odd", "one"}
    assert run(4, "four") == {"four", "three", "two is odd"}


def test_the_gates_last_verdict_counts(run):
    run(1, "one is odd", strict=False)
    with pytest.raises(ValueError, match="odd"):
        run(1, "one is odd")
    assert run(2, "two") == {"two"}
