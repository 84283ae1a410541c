"""What ML Metadata knows of pushed models: which version is which model."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata.store import open_store

WITHDRAWN = "withdrawn"
"""Custom property of a Model that a rollback took out of service: 1."""

ROLLBACK = "pipeline.rollback"
"""Type of the executions that serve an earlier model again."""

_PUSHED_MODEL = "PushedModel"
_MODEL_KEY = "model"
_EVENT = metadata_store_pb2.Event


@dataclass(frozen=True)
class Push:
    """A version in the serving folder.

    Args:
        path: Its folder.
        model: The id of its Model artifact.
        withdrawn: Whether a rollback took this model out of service.
    """

    path: str
    model: int
    withdrawn: bool

    @property
    def version(self) -> int:
        """The folder's name."""
        return int(posixpath.basename(self.path))


class PushedModels:
    """The pushes that are recorded in ML Metadata.

    Args:
        path: Its SQLite file, where the environment names no server.
    """

    def __init__(self, path: Path) -> None:
        self._store = open_store(path)

    def pushes(self) -> list[Push]:
        """Gives all that was ever pushed, oldest version first."""
        types = {each.name for each in self._store.get_artifact_types()}
        if _PUSHED_MODEL not in types:
            return []
        found = []
        for artifact in self._store.get_artifacts_by_type(_PUSHED_MODEL):
            properties = artifact.custom_properties
            model = self._model_of(artifact.id)
            if properties["pushed"].int_value == 1 and model is not None:
                withdrawn = model.custom_properties[WITHDRAWN].int_value == 1
                path = properties["pushed_destination"].string_value
                found.append(Push(path, model.id, withdrawn))
        return sorted(found, key=lambda push: push.version)

    def withdraw(self, models: Collection[int], *, but: int) -> None:
        """Marks models: no run takes them as the model to beat, or pushes them.

        Args:
            models: Ids of Model artifacts.
            but: The one that is served again; it loses the mark if it had it.
        """
        artifacts = self._store.get_artifacts_by_id([*models, but])
        for artifact in artifacts:
            properties = artifact.custom_properties
            # No mark that says nothing: nodes that took the model from the cache
            # before would run again, since TFX looks at its properties for that.
            if artifact.id != but or WITHDRAWN in properties:
                properties[WITHDRAWN].int_value = int(artifact.id != but)
        self._store.put_artifacts(artifacts)

    def record_rollback(self, model: int, path: str) -> None:
        """Records that a model is served again, as the version in the folder `path`."""
        execution_type = metadata_store_pb2.ExecutionType(name=ROLLBACK)
        execution = metadata_store_pb2.Execution(
            type_id=self._store.put_execution_type(execution_type),
            last_known_state=metadata_store_pb2.Execution.COMPLETE,
        )
        pushed = metadata_store_pb2.Artifact(
            type_id=self._store.get_artifact_type(_PUSHED_MODEL).id,
            uri=path,
            state=metadata_store_pb2.Artifact.LIVE,
        )
        pushed.custom_properties["pushed"].int_value = 1
        pushed.custom_properties["pushed_destination"].string_value = path
        pushed.custom_properties["pushed_version"].string_value = posixpath.basename(
            path
        )
        [given] = self._store.get_artifacts_by_id([model])
        self._store.put_execution(
            execution,
            [(given, _event(_EVENT.INPUT, _MODEL_KEY))]
            + [(pushed, _event(_EVENT.OUTPUT, "pushed_model"))],
            [],
        )

    def _model_of(self, pushed: int) -> metadata_store_pb2.Artifact | None:
        """The model that went into the execution which made a PushedModel."""
        makers = [
            event.execution_id
            for event in self._store.get_events_by_artifact_ids([pushed])
            if event.type == _EVENT.OUTPUT
        ]
        for event in self._store.get_events_by_execution_ids(makers):
            steps = event.path.steps
            if event.type == _EVENT.INPUT and steps and steps[0].key == _MODEL_KEY:
                [model] = self._store.get_artifacts_by_id([event.artifact_id])
                return model
        return None


def _event(kind: int, key: str) -> metadata_store_pb2.Event:
    event = _EVENT(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
