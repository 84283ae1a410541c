"""What a run did and made, as plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

DONE = "done"
UNCHANGED = "unchanged"


class NodeIncomplete(RuntimeError):
    """A node has ended, but not well; the message says how it stands."""


@dataclass(frozen=True)
class MadeArtifact:
    """One output of a node.

    Attributes:
        uri: Its folder.
        properties: Its own and its custom properties.
    """

    uri: str
    properties: dict[str, int | float | str]


@dataclass(frozen=True)
class UnfinishedExecution:
    """A try of a node that failed or was killed.

    Attributes:
        id: Its number, after which TFX names the folders of its outputs.
        began: In seconds since 1970.
    """

    id: int
    began: float


@dataclass(frozen=True)
class NodeRecord:
    """What one node did in a run.

    Attributes:
        node: Its id, such as `Transform`.
        state: `done`, `unchanged` (taken from an earlier run), `failed` or `running`;
            a node whose process was killed stays `running`.
        seconds: Wall time from its registration to its last change of state.
        outputs: Output key -> artifacts.
    """

    node: str
    state: str
    seconds: float
    outputs: dict[str, list[MadeArtifact]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """What the nodes of one run did, in the order in which they began.

    Attributes:
        run_id: TFX's name of the run: the time at which it began.
        nodes: The nodes that began.
    """

    run_id: str
    nodes: Sequence[NodeRecord]

    def output(self, node: str, key: str) -> MadeArtifact | None:
        """Returns the only artifact under an output key, None where there is none."""
        found = self.all_outputs(node, key)
        return found[0] if found else None

    def completed(self, node: str) -> NodeRecord:
        """Returns what a node did, if it ended well: TFX may stop a node in silence.

        Raises:
            NodeIncomplete: It did not.
        """
        record = next((each for each in self.nodes if each.node == node), None)
        if record is None:
            raise NodeIncomplete("its inputs are missing")
        if record.state not in (DONE, UNCHANGED):
            raise NodeIncomplete(
                f"ML Metadata records it as {record.state}; where no error stands "
                "above, its inputs are missing"
            )
        return record

    def all_outputs(self, node: str, key: str) -> list[MadeArtifact]:
        """Returns all artifacts under an output key."""
        found = (
            record.outputs.get(key) for record in self.nodes if record.node == node
        )
        return next((artifacts for artifacts in found if artifacts), [])
