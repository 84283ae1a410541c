"""Finds the spans that a run trains and tests on: the newest one and some before it."""

from __future__ import annotations

from collections.abc import Iterable

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.components.example_gen import utils
from tfx.dsl.components.common import resolver
from tfx.types import artifact

EXAMPLES = "examples"
NEWEST = "newest"


class SpanWindowStrategy(resolver.ResolverStrategy):
    """Resolves the examples of the last spans, each span once.

    TFX's SpanRangeStrategy gives all examples that a span ever brought: where a span
    was ingested again, its old rows would be trained on beside the new ones. Here the
    ingestion that ended last counts, and of the newest span that of this run.

    Channels of the Resolver: `examples`, what TextExampleGen made in any run; and
    `newest`, what it made in this one.

    Args:
        spans: Width of the window, in numbers of spans: spans that never came leave
            gaps.
    """

    def __init__(self, spans: int) -> None:
        self._spans = spans

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[artifact.Artifact]]
    ) -> dict[str, list[artifact.Artifact]]:
        """Returns `examples`, one artifact a span in any order; `newest` is empty."""
        (newest,) = input_dict[NEWEST]
        last = _span(newest)
        within = [
            each
            for each in input_dict[EXAMPLES]
            if last - self._spans < _span(each) < last
        ]
        ended = _last_made(store, [each.id for each in within])
        by_span = {}
        for each in sorted(within, key=lambda each: (ended.get(each.id, 0), each.id)):
            by_span[_span(each)] = each
        return {EXAMPLES: [newest, *by_span.values()], NEWEST: []}


def _last_made(store: mlmd.MetadataStore, ids: Iterable[int]) -> dict[int, int]:
    """When each artifact was last an output, of a cached execution too (ms)."""
    last: dict[int, int] = {}
    for event in store.get_events_by_artifact_ids(list(ids)):
        if event.type == metadata_store_pb2.Event.OUTPUT:
            before = last.get(event.artifact_id, 0)
            last[event.artifact_id] = max(before, event.milliseconds_since_epoch)
    return last


def _span(examples: artifact.Artifact) -> int:
    return examples.get_int_custom_property(utils.SPAN_PROPERTY_NAME)
