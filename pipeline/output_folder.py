"""The folder that a run writes into: its parts, its lock, and what a kill left."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
from datetime import datetime
from pathlib import Path

import filelock

from pipeline.config import Config, ConfigError
from pipeline.errors import RunError
from pipeline.files import locked_folder, write_whole
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.store import is_on_server, open_store

_LOGGER = logging.getLogger(__name__)
_PIPELINE_NAME = "elmo_tfx"

# As ML Metadata knows the component: its path, and the path that it had before.
_PUSHERS = ("pipeline.serving.pusher.Pusher", "pipeline.pusher.Pusher")
_LEAST_FREE_BYTES = 1 << 30
_FULL_BYTES = 16 << 20
# Models and statistics do not grow with the data; examples, transformed examples and
# statistics of it do, compressed or not.
_COPIES_OF_DATA = 4


class OutputUnusable(RunError):
    """The output folder cannot be used now: it is busy, or its disk nearly full."""


class OutputFolder:
    """The parts of an output folder.

    Args:
        path: The folder; made absolute, since ML Metadata records paths.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.metadata = self.path / "metadata.sqlite"
        self.artifacts = self.path / "pipeline"
        self.serving = self.path / "serving"
        self.manifests = self.path / "manifests"
        self.resume = self.path / "resume"
        self.logs = self.path / "logs"
        self.summary = self.path / "summary.json"

    @property
    def pipeline_name(self) -> str:
        """What ML Metadata calls the pipeline that writes here.

        A SQLite file belongs to one output and has one pipeline. On a server, which
        several outputs share, each has a name of its own: no run takes the data or the
        models of another output for its own.
        """
        if not is_on_server():
            return _PIPELINE_NAME
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()
        return f"{_PIPELINE_NAME}_{digest[:12]}"

    def open_metadata(self) -> Metadata:
        """Opens what ML Metadata knows of this output; an empty store is created.

        Raises:
            MetadataUnavailable: The server does not answer, or refuses.
        """
        return Metadata(open_store(self.metadata), self.pipeline_name)

    def prepare(self, data_bytes: int) -> None:
        """Creates the parts, and checks that the disk has room.

        Args:
            data_bytes: Size of the input.

        Raises:
            ConfigError: A folder cannot be created.
            OutputUnusable: Too little is free.
        """
        try:
            for folder in (self.artifacts, self.serving, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise _unwritable(error) from error
        needed = _LEAST_FREE_BYTES + _COPIES_OF_DATA * data_bytes
        if free < needed:
            raise OutputUnusable(
                f"option output: its disk has {_gib(free)} free and a run needs "
                f"about {_gib(needed)}. Received: {self.path}"
            )

    def is_full(self) -> bool:
        """Whether its disk has no room left that would explain a failure."""
        return shutil.disk_usage(self.path).free < _FULL_BYTES

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Takes hold of the folder for one run; it is free when the context ends.

        Raises:
            ConfigError: The folder cannot be created.
            OutputUnusable: Another process holds it.
        """
        try:
            return locked_folder(self.path)
        except filelock.Timeout as error:
            raise OutputUnusable(
                f"another run writes into this output. Received: {self.path} "
                "(hint: wait for it, or choose another --output)"
            ) from error
        except OSError as error:
            raise _unwritable(error) from error

    def new_log(self, now: datetime) -> Path:
        """Returns a log's path that no earlier run of this folder has used."""
        name = now.strftime("%Y-%m-%dT%H-%M-%S")
        path = self.logs / f"{name}.log"
        count = 1
        while path.exists():
            count += 1
            path = self.logs / f"{name}-{count}.log"
        return path

    def keep_schema(self, path: str) -> str:
        """Copies a curated schema to a path named by its content, and returns that.

        TFX's cache sees the path of a schema only: under its own path an edited
        schema would look unchanged.
        """
        content = Path(path).read_bytes()
        name = hashlib.sha256(content).hexdigest()[:16]
        kept = self.path / "schema" / name / "schema.pbtxt"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_whole(kept, content)
        return str(kept)

    def clean_after_kill(self) -> list[Path]:
        """Puts right what a killed run left; call it while holding the lock.

        Executions that still count as running are marked as failed. Two kinds of
        versions in serving/ are removed: those without saved_model.pb, which were being
        copied; and those that are whole but not recorded, begun after a push that never
        ended, which would be pushed a second time under another number. What somebody
        put there by hand stays.

        With ML Metadata on a server nothing is done: other runs may be under way.

        Returns:
            The versions that were removed.
        """
        if is_on_server():
            return []
        metadata = self.open_metadata()
        began = metadata.runs.close_interrupted(_PUSHERS)
        removed = self._remove_torn()
        if began is not None:
            removed += self._remove_unrecorded(metadata, began)
        return removed

    def clean_after_killed_node(self, run_id: str, node: str) -> None:
        """Puts right what an earlier try of a node of a run left, if there was one.

        Call it before the node is launched again, while none of its tries is under
        way; other nodes may be. The try's outputs are removed, because TFX takes its
        execution up again and would write among them. If the node is the Pusher, so
        are versions in serving/ without their graph or without a record that are as
        new as the try: two runs must not push into one output at once.
        """
        metadata = self.open_metadata()
        earlier = metadata.runs.unfinished(run_id, node)
        if earlier is None:
            return
        _LOGGER.warning("removing what an earlier try of %s left", node)
        folder = self.artifacts / node
        for pattern in (f"*/{earlier.id}", f".system/*/{earlier.id}"):
            for outputs in folder.glob(pattern):
                shutil.rmtree(outputs)
        if node == "Pusher":
            self._remove_torn(earlier.began)
            self._remove_unrecorded(metadata, earlier.began)

    def _remove_torn(self, since: float = 0) -> list[Path]:
        """Removes versions without their graph, numbered `since` or later."""
        return [
            self._remove(version)
            for version in self._versions(since)
            if not (version / "saved_model.pb").exists()
        ]

    def _remove_unrecorded(self, metadata: Metadata, since: float) -> list[Path]:
        """Removes versions without a record, numbered `since` or later."""
        pushed = {push.path for push in metadata.pushed.pushes()}
        return [
            self._remove(version)
            for version in self._versions(since)
            if str(version) not in pushed
        ]

    def _versions(self, since: float) -> list[Path]:
        """Returns the versions from a time on: their numbers are seconds since 1970."""
        return [
            each
            for each in sorted(self.serving.iterdir())
            if each.is_dir() and each.name.isdecimal() and int(each.name) >= int(since)
        ]

    def _remove(self, version: Path) -> Path:
        _LOGGER.warning("removing what a killed push left: %s", version)
        shutil.rmtree(version)
        (self.manifests / f"{version.name}.sha256").unlink(missing_ok=True)
        return version


def with_kept_schema(config: Config, output: OutputFolder) -> Config:
    """Returns the configuration with the copy of its curated schema, if it has one."""
    path = config.data.schema_path
    if path is None:
        return config
    data = config.data.model_copy(update={"schema_path": output.keep_schema(path)})
    return config.model_copy(update={"data": data})


def _unwritable(error: OSError) -> ConfigError:
    return ConfigError(
        f"option output: cannot be written: {error.filename}: {error.strerror}"
    )


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
