"""What ML Metadata knows of pushed models: which version is which model."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from pipeline.files import is_local
from pipeline.serving.versions import version_of, whole_versions

WITHDRAWN = "withdrawn"
"""Custom property of a Model that a rollback took out of service: 1."""

ROLLBACK = "pipeline.rollback"
"""Type of the executions that serve an earlier model again."""

# As TFX's Evaluator writes it.
_BLESSING = "ModelBlessing"
_BLESSED = "blessed"
_BLESSED_MODEL = "current_model_id"
# As TFX's Pusher writes them.
_PUSHED_MODEL = "PushedModel"
_MODEL_KEY = "model"
_PUSHED_KEY = "pushed_model"
# As TFX names the contexts of runs.
_RUN_CONTEXT = "pipeline_run"
_EVENT = metadata_store_pb2.Event
_EXECUTION = metadata_store_pb2.Execution


@dataclass(frozen=True)
class Push:
    """A version in the serving folder.

    Attributes:
        path: Its folder.
        model: The id of its Model artifact.
        withdrawn: Whether a rollback took this model out of service.
        artifact: The id of its PushedModel artifact.
    """

    path: str
    model: int
    withdrawn: bool
    artifact: int = 0

    @property
    def version(self) -> int:
        """The folder's name."""
        return int(posixpath.basename(self.path))


def last_of_another_model(pushes: Sequence[Push], model: int | None) -> Push | None:
    """Returns what a rollback takes: the last one in service with another model.

    Args:
        pushes: By version.
        model: That is served; None: no run has pushed it.
    """
    others = [push for push in pushes if push.model != model and not push.withdrawn]
    return others[-1] if others else None


class PushedModels:
    """The pushes and rollbacks that are recorded in ML Metadata.

    Args:
        store: Of ML Metadata.
    """

    def __init__(self, store: mlmd.MetadataStore) -> None:
        self._store = store

    def pushes(self) -> list[Push]:
        """Returns all that was ever pushed, by version: servers take the highest.

        Of two pushes to one folder, which only outputs of earlier versions can have,
        the later one counts.
        """
        pushed = [
            artifact
            for artifact in self._store.get_artifacts_by_type(_PUSHED_MODEL)
            if artifact.custom_properties["pushed"].int_value == 1
        ]
        models = self._models_of([artifact.id for artifact in pushed])
        pushes = {}
        for artifact in sorted(pushed, key=lambda artifact: artifact.id):
            model = models.get(artifact.id)
            if model is not None:
                path = artifact.custom_properties["pushed_destination"].string_value
                withdrawn = model.custom_properties[WITHDRAWN].int_value == 1
                pushes[path] = Push(path, model.id, withdrawn, artifact.id)
        return sorted(pushes.values(), key=lambda push: push.version)

    def superseded(self, path: str) -> bool:
        """Whether a later push, or a rollback, has put another model above a version.

        Args:
            path: The folder of the version, which may be gone.
        """
        pushes = self.pushes()
        own = next((each for each in pushes if each.path == path), None)
        if own is None:
            return False
        folder = posixpath.dirname(path)
        later = [
            each
            for each in pushes
            if posixpath.dirname(each.path) == folder
            and each.version > own.version
            and (not is_local(each.path) or os.path.exists(each.path))
        ]
        return bool(later) and later[-1].model != own.model

    def served_instead(self, path: str) -> str | None:
        """Returns the version that servers take instead of one, or None.

        Somebody may have put it there by hand. None, too, if it has the same model.

        Args:
            path: The folder of a version that a run has pushed.
        """
        models = {push.path: push.model for push in self.pushes()}
        newest = (whole_versions(posixpath.dirname(path)) or [path])[-1]
        if int(version_of(newest)) <= int(version_of(path)):
            return None
        return None if models.get(newest) == models.get(path, 0) else newest

    def served_before(self, path: str) -> str | None:
        """Returns the version that a rollback serves again; None: there is none.

        Args:
            path: The folder of the version that is served.
        """
        pushes = self.pushes()
        model = next((push.model for push in pushes if push.path == path), None)
        there = [
            push
            for push in pushes
            if posixpath.dirname(push.path) == posixpath.dirname(path)
            and (not is_local(push.path) or os.path.exists(push.path))
        ]
        before = last_of_another_model(there, model)
        return None if before is None else before.path

    def recency(self) -> Callable[[int], int]:
        """Returns what gives a model a number: the later it came into use, the higher.

        A model that was pushed again, or served again by a rollback, is later than one
        that was made meanwhile. ML Metadata numbers all artifacts in their order.
        """
        last = {push.model: push.artifact for push in self._in_order()}
        return lambda model: max(model, last.get(model, 0))

    def _in_order(self) -> list[Push]:
        return sorted(self.pushes(), key=lambda push: push.artifact)

    def runs(self) -> dict[int, str]:
        """Returns id of a Model -> the run that pushed it first."""
        runs: dict[int, str] = {}
        for push in self._in_order():
            run = self.run_of(push)
            if run is not None:
                runs.setdefault(push.model, run)
        return runs

    def run_of(self, push: Push) -> str | None:
        """Returns the run that made a push; None: a rollback did, in no context."""
        events = self._store.get_events_by_artifact_ids([push.artifact])
        makers = [each.execution_id for each in events if each.type == _EVENT.OUTPUT]
        try:
            contexts = self._store.get_contexts_by_execution(min(makers))
        except mlmd.errors.NotFoundError:
            return None
        names = (each.name for each in contexts if each.type == _RUN_CONTEXT)
        return next(names, None)

    def last_blessed(self) -> str | None:
        """Returns the folder of the model that the next one is compared with, or None.

        That is the blessed one in service that came into use last, as
        `PreviousBlessedModelStrategy` has it; a run that is repeated is compared with
        another one. One that counts as not made is passed over.
        """
        blessings = self._store.get_artifacts_by_type(_BLESSING)
        models = self._store.get_artifacts_by_id(
            [
                each.custom_properties[_BLESSED_MODEL].int_value
                for each in blessings
                if each.custom_properties[_BLESSED].int_value == 1
            ]
        )
        in_service = [
            each
            for each in models
            if each.custom_properties[WITHDRAWN].int_value != 1
            and each.state == metadata_store_pb2.Artifact.LIVE
        ]
        recency = self.recency()
        last = max(in_service, key=lambda each: recency(each.id), default=None)
        return None if last is None else last.uri

    def begin_rollback(self) -> int:
        """Records that an earlier model is about to be served again.

        Returns:
            The number of the execution, for `record_rollback`. Without that call it
            counts as one that did not end well.
        """
        execution_type = metadata_store_pb2.ExecutionType(name=ROLLBACK)
        execution = metadata_store_pb2.Execution(
            type_id=self._store.put_execution_type(execution_type),
            last_known_state=_EXECUTION.RUNNING,
        )
        [number] = self._store.put_executions([execution])
        return number

    def record_rollback(
        self, execution: int, model: int, path: str, withdrawn: Collection[int] = ()
    ) -> None:
        """Records that a model is served again, and marks others: all or nothing.

        No run takes a marked model as the one to beat, or pushes it.

        Args:
            execution: What `begin_rollback` returned.
            model: Id of the Model artifact that is served again; it loses the mark if
                it had it.
            path: The folder of its new version.
            withdrawn: Ids of the Model artifacts to mark.
        """
        [ended] = self._store.get_executions_by_id([execution])
        ended.last_known_state = _EXECUTION.COMPLETE
        pushed = metadata_store_pb2.Artifact(
            type_id=self._store.get_artifact_type(_PUSHED_MODEL).id,
            uri=path,
            state=metadata_store_pb2.Artifact.LIVE,
        )
        properties = pushed.custom_properties
        properties["pushed"].int_value = 1
        properties["pushed_destination"].string_value = path
        properties["pushed_version"].string_value = posixpath.basename(path)
        made_from = _event(_EVENT.INPUT, _MODEL_KEY)
        made_from.artifact_id = model
        self._store.put_lineage_subgraph(
            [ended],
            [pushed, *self._marked(model, withdrawn)],
            [],
            [(0, None, made_from), (0, 0, _event(_EVENT.OUTPUT, _PUSHED_KEY))],
        )

    def _marked(
        self, model: int, withdrawn: Collection[int]
    ) -> list[metadata_store_pb2.Artifact]:
        """Returns the models whose mark changes, as they are to be.

        No mark of 0 on a model that never had one: TFX's cache compares properties, so
        nodes that took the model from it would run again.
        """
        changed = []
        for artifact in self._store.get_artifacts_by_id([*withdrawn, model]):
            properties = artifact.custom_properties
            if artifact.id != model or WITHDRAWN in properties:
                properties[WITHDRAWN].int_value = int(artifact.id != model)
                changed.append(artifact)
        return changed

    def rolled_back_after(self, execution: int) -> bool:
        """Whether an earlier model was served again after the execution of a number."""
        rollbacks = self._store.get_executions_by_type(ROLLBACK)
        return any(
            each.id > execution and each.last_known_state == _EXECUTION.COMPLETE
            for each in rollbacks
        )

    def _models_of(
        self, pushed: Sequence[int]
    ) -> dict[int, metadata_store_pb2.Artifact]:
        """Returns id of a PushedModel -> the Model that was pushed, where it is known.

        That is the input of the first execution that made the PushedModel; later ones
        have taken it from the cache.
        """
        makers = {
            event.execution_id: event.artifact_id
            for event in self._store.get_events_by_artifact_ids(pushed)
            if event.type == _EVENT.OUTPUT
        }
        events = self._store.get_events_by_execution_ids(list(makers))
        inputs: dict[int, int] = {}
        for event in sorted(events, key=lambda event: event.execution_id):
            steps = event.path.steps
            if event.type == _EVENT.INPUT and steps and steps[0].key == _MODEL_KEY:
                inputs.setdefault(makers[event.execution_id], event.artifact_id)
        models = self._store.get_artifacts_by_id(list(inputs.values()))
        by_id = {model.id: model for model in models}
        return {artifact: by_id[model] for artifact, model in inputs.items()}


def _event(kind: int, key: str) -> metadata_store_pb2.Event:
    event = _EVENT(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
