"""The window of spans, resolved by TFX from what real runs have left."""

import json
from pathlib import Path
from typing import List  # noqa: UP035  # TFX knows no other

import pytest
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from pipeline.span_window import SpanWindowStrategy
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

    def ingest(span: int, content: str) -> set[str]:
        made = Ingest(span=span, content=content)
        window = tfx.dsl.Resolver(
            strategy_class=SpanWindowStrategy,
            config={"spans": 3},
            examples=tfx.dsl.Channel(
                type=standard_artifacts.Examples, producer_component_id="Ingest"
            ),
            newest=made.outputs["examples"],
        ).with_id("SpanWindow")
        shown = tmp_path / "shown.json"
        shown.unlink(missing_ok=True)
        show = Show(examples=window.outputs["examples"], to=str(shown))
        run_nodes([made, window, show], tmp_path)
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
