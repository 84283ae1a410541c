"""The folder that a run writes into: its parts, its lock, and what a kill left."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import filelock

from pipeline.config import ConfigError
from pipeline.errors import RunError
from pipeline.files import (
    absolute,
    hidden_leftovers,
    locked_folder,
    remove,
    write_whole,
)
from pipeline.full_disk import FULL_BYTES, with_full_disk
from pipeline.metadata.inventory import Missing
from pipeline.metadata.lease import leased_by_process
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.place import adopt_place
from pipeline.metadata.store import is_on_server, open_store
from pipeline.runs.past_runs import RECORD, REPORT, RUNS, SUMMARY
from pipeline.runs.summary import is_summary
from pipeline.serving.manifest import lacking_file
from pipeline.serving.publish import (
    MODEL_CARDS,
    forget_push,
    noted_pushes,
    remove_leftovers,
    remove_unwritten_notes,
    undo_push,
)
from pipeline.terminal import visible_line

_LOGGER = logging.getLogger(__name__)
_PIPELINE_NAME = "elmo_tfx"
_LEAST_FREE_BYTES = 1 << 30
# Models and statistics do not grow with the data; examples, transformed examples and
# statistics of it do, compressed or not.
_COPIES_OF_DATA = 4
_MOST_MISSING_SHOWN = 3
_REVIEW = "review.csv"
_OF_ONE_OUTPUT = ["metadata.sqlite", "pipeline", "serving", "manifests", MODEL_CARDS]
_OF_ONE_OUTPUT += ["resume", RUNS]
# Files that are written anew; the database when a copy gets one of its own.
_OF_RUNS = (SUMMARY, REPORT, RECORD, _REVIEW, "metadata.sqlite")


class OutputUnusable(RunError):
    """The output folder cannot be used now: it is busy, or its disk nearly full."""


class OutputFolder:
    """The parts of an output folder.

    Args:
        path: The folder; made absolute, since ML Metadata records paths.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(absolute(path))
        self.metadata = self.path / "metadata.sqlite"
        self.artifacts = self.path / "pipeline"
        self.serving = self.path / "serving"
        self.manifests = self.path / "manifests"
        self.model_cards = self.path / MODEL_CARDS
        self.resume = self.path / "resume"
        self.embeddings = self.path / "embeddings"
        self.logs = self.path / "logs"
        self.runs = self.path / RUNS
        self.summary = self.path / SUMMARY

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
            ConfigError: A part cannot be created, or is what it must not be.
            OutputUnusable: Too little is free.
        """
        self._refuse_wrong_kinds()
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

    def _refuse_wrong_kinds(self) -> None:
        """Refuses what is no file or no folder, and links where nodes write."""
        folders = [self.path, self.artifacts, self.serving, self.manifests, self.runs]
        folders += [self.model_cards, self.resume, self.embeddings, self.logs]
        for path in (*folders, self.metadata, self.summary, self.path / REPORT):
            if os.path.islink(path) and not os.path.exists(path):
                raise ConfigError(
                    f"option output: {path} leads to {os.readlink(path)}, which is not "
                    "there (hint: bring it back, or remove the link)"
                )
            is_right = os.path.isdir if path in folders else os.path.isfile
            if os.path.exists(path) and not is_right(path):
                wanted = "a folder" if path in folders else "a file"
                raise ConfigError(
                    f"option output: {path} must be {wanted} (hint: move it away)"
                )
        for path in (*self.artifacts.glob("*"), *self.artifacts.glob("*/*")):
            if path.is_symlink():
                raise ConfigError(
                    f"option output: {path} is a link, and what lies behind it may be "
                    "others' (hint: move it back; `pipeline` itself may be a link)"
                )

    def why_failed(self, reason: str) -> str:
        """Returns why something failed, and where there is no room, if that is why."""
        if shutil.disk_usage(self.path).free < FULL_BYTES:  # SQLite says it otherwise
            return f"No space left on device for {self.path} ({reason})"
        return with_full_disk(reason, str(self.path))

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Takes hold of the folder for one run; it is free when the context ends.

        Raises:
            ConfigError: The folder cannot be created, or a part of it is what it must
                not be.
            OutputUnusable: Another process holds it, or it has files of others.
            OutputBusy: With ML Metadata on a server: another run of any machine does.
        """
        self._refuse_wrong_kinds()
        self._refuse_others()
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked_folder(self.path))
            except filelock.Timeout as error:
                raise OutputUnusable(
                    f"another run writes into this output. Received: {self.path} "
                    "(hint: wait for it, or choose another --output)"
                ) from error
            except OSError as error:
                raise _unwritable(error) from error
            if is_on_server():  # other machines do not see the lock
                store = open_store(self.metadata)
                held.enter_context(leased_by_process(store, self.pipeline_name))
            return held.pop_all()

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

    def follow_move(self) -> Path | None:
        """Makes the records in ML Metadata follow a folder that was moved or copied.

        Call it while holding the lock, before anything else reads the records. A copy
        leaves its original alone. With ML Metadata on a server nothing is done: there
        a folder that was moved is a new one.

        Returns:
            Where the folder was before, or None if it was here.

        Raises:
            MoveIncomplete: Artifacts were left behind.
            OutputUnusable: A copy would change the versions of its original.
            StoreUnreadable: The file of ML Metadata cannot be read or written.
        """
        if is_on_server() or not self._has_records():
            return None
        before = adopt_place(self.metadata, self._refuse_shared_folders)
        if before is not None:
            _LOGGER.warning("this output was at %s before", before)
        return before

    def _has_records(self) -> bool:
        return self.metadata.exists() and self.metadata.stat().st_size > 0

    def _refuse_others(self) -> None:
        """Refuses files of others, among which a run would write, or replace them."""
        if is_on_server() or self._has_records():
            return
        if self.artifacts.is_dir() and any(self.artifacts.iterdir()):
            raise OutputUnusable(
                f"{self.artifacts} has files of which {self.metadata} has no record "
                "(hint: choose another --output; if they are of runs, bring that back, "
                "or remove them: then the output begins anew, and keeps what is served)"
            )
        is_ours = any(self.runs.glob(f"*/{RECORD}")) or is_summary(self.summary)
        for path in () if is_ours else (self.summary, self.path / REPORT):
            if path.exists():
                raise OutputUnusable(
                    f"{path} is not of a run, and would be replaced (hint: choose "
                    "another --output, or move it away)"
                )

    def _refuse_shared_folders(self, before: Path) -> None:
        """Refuses a copy of which a part is that of its original, by a link."""
        for name in _OF_ONE_OUTPUT:
            here, there = self.path / name, before / name
            if here.exists() and there.exists() and there.samefile(here):
                raise OutputUnusable(
                    f"{here} is a link to that of {before}, of which this output is a "
                    "copy (hint: copy without links)"
                )

    def missing_results(self) -> list[Missing]:
        """Returns what the records have and the folder has not, or not whole.

        Of the versions that were pushed, somebody may remove any; but one of them must
        be there, and the newest of these be whole.

        With ML Metadata on a server nothing is looked for: other outputs share it.
        """
        if is_on_server() or not self.metadata.exists():
            return []
        metadata = self.open_metadata()
        missing = metadata.inventory.missing(self.artifacts)
        served = [
            push
            for push in metadata.pushed.pushes()
            if not push.withdrawn and Path(push.path).parent == self.serving
        ]
        present = [push for push in served if os.path.lexists(push.path)]
        for push in present[-1:] or served:
            lacks = "" if push not in present else lacking_file(push.path)
            if lacks is not None:
                missing.append(Missing(push.artifact, push.path, lacks))
        return missing

    def refuse_without_last_model(
        self, missing: Sequence[Missing] = (), makes_again: str | None = None
    ) -> None:
        """Refuses a run that would only fail when its model is to be compared.

        With ML Metadata on a server nothing is done: other outputs share it.

        Args:
            missing: What `missing_results` has found.
            makes_again: The model that the run makes again if it is gone.

        Raises:
            OutputUnusable: Somebody has removed the last blessed model, or a part.
        """
        if is_on_server() or not self.metadata.exists():
            return
        model = self.open_metadata().pushed.last_blessed()
        if model is None or model == makes_again:
            return
        if not os.path.exists(model) or model in [each.path for each in missing]:
            raise OutputUnusable(
                "the last blessed model, with which a new one is compared, is gone: "
                f"{model} (hint: bring it back, or remove {self.metadata} and "
                f"{self.artifacts}: then the output begins anew, and keeps what is "
                "served)"
            )

    def clean_after_kill(self) -> list[Path]:
        """Puts right what a killed run left; call it while holding the lock.

        Executions that still count as running are marked as failed. From serving/ goes
        what was hidden there until it is whole, and a version that a run has pushed
        without living to record it: it would be pushed a second time under another
        number. What somebody put there by hand stays.

        With ML Metadata on a server nothing is done: other runs may be under way.

        Returns:
            The versions that were removed.
        """
        if is_on_server():
            return []
        metadata = self.open_metadata()
        metadata.runs.close_interrupted()
        remove_leftovers(self.serving)
        remove_unwritten_notes(self.serving)
        for folder in (self.path, *self.runs.glob("*/")):
            for path, name in hidden_leftovers(folder).items():
                if name in _OF_RUNS:
                    remove(path)
        return self.settle_pushes(metadata)

    def clean_after_killed_node(self, run_id: str, node: str) -> None:
        """Puts right what an earlier try of a node of a run left, if there was one.

        Call it before the node is launched again, while none of its tries is under
        way; other nodes may be. The try's outputs are removed, because TFX takes its
        execution up again and would write among them. If the node is the Pusher, so is
        the version that the try has pushed without a record.
        """
        metadata = self.open_metadata()
        earlier = metadata.runs.unfinished(run_id, node)
        if earlier is None:
            return
        _LOGGER.warning("removing what an earlier try of %s left", node)
        folder = self.artifacts / node
        for pattern in (f"*/{earlier}", f".system/*/{earlier}"):
            for outputs in folder.glob(pattern):
                remove(outputs)
        if node == "Pusher":
            self.settle_pushes(metadata, only=earlier)

    def settle_pushes(
        self, metadata: Metadata, *, only: int | None = None
    ) -> list[Path]:
        """Forgets pushes that are recorded, and undoes those that never will be.

        Args:
            metadata: Of this output.
            only: Number of the only execution whose push may be undone; None: of any
                that did not end well.

        Returns:
            The versions that were removed.
        """
        recorded = {push.path for push in metadata.pushed.pushes()}
        removed = []
        for version, execution in noted_pushes(self.serving).items():
            if str(version) not in recorded:
                if not execution.isdecimal() or only not in (None, int(execution)):
                    continue
                # Unknown to a store that was begun anew, the version is a person's.
                if metadata.runs.did_not_end_well(int(execution)):
                    removed += [version] if undo_push(version) else []
                    remove_leftovers(self.serving, only=version.name)
            forget_push(version)
        return removed


def describe_missing(missing: Sequence[Missing], output: OutputFolder) -> str:
    """Returns the line with which a command says what `missing_results` has found."""
    shown = []
    for each in missing[:_MOST_MISSING_SHOWN]:
        name = os.path.relpath(each.path, output.path)
        shown.append(f"{name} (lacks {each.lacks})" if each.lacks else name)
    if len(missing) > _MOST_MISSING_SHOWN:
        shown.append(f"and {len(missing) - _MOST_MISSING_SHOWN} more")
    return visible_line(f"gone, so that their nodes run again: {', '.join(shown)}")


def _unwritable(error: OSError) -> ConfigError:
    return ConfigError(
        f"option output: cannot be written: {error.filename}: {error.strerror}"
    )


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
