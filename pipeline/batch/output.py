"""The output folder: absent, or complete; and the folder beside it for the work."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import filelock
from apache_beam.io.filesystems import FileSystems

from pipeline.batch import storage
from pipeline.batch.staging import FINISHED
from pipeline.errors import RunError, UserError

SUMMARY = "summary.json"
_LOCK = ".lock"


class OutputExists(UserError):
    """There is something where the output should appear."""


class OutputBusy(RunError):
    """Another job works on the same output."""


class BatchOutput:
    """An output and its work folder, `<output>.unfinished`.

    Work lies in a folder that is named by what is done. The same job again finds what
    it has finished; another one begins anew.

    Args:
        path: The output: a folder on any file system Beam knows; if local, absolute.
    """

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        self.work = f"{self.path}.unfinished"

    def check(self, *, overwrite: bool) -> None:
        """Refuses an output that exists, unless it may be overwritten.

        Raises:
            OutputExists: It exists; or it is to be overwritten and no job has made it.
        """
        present = storage.list_files(storage.join(self.path, "*"))
        if not present:
            return
        if not overwrite:
            raise OutputExists(
                f"{self.path} exists (hint: another --output, or --overwrite)"
            )
        if not FileSystems.exists(storage.join(self.path, SUMMARY)):
            raise OutputExists(
                f"{self.path} holds files that are no earlier output; it is not "
                "overwritten (hint: choose another --output)"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the work folder for one job, if it is on this machine.

        Raises:
            OutputBusy: Another process holds it.
        """
        if not storage.is_local(self.path):
            yield
            return
        os.makedirs(self.work, exist_ok=True)
        lock = filelock.FileLock(storage.join(self.work, _LOCK))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise OutputBusy(f"another job writes {self.path}") from error
        try:
            yield
        finally:
            if os.path.isdir(self.work) and os.listdir(self.work) == [_LOCK]:
                storage.remove(self.work)  # nothing was begun
            lock.release()

    def staging(self, what: Mapping[str, Any]) -> str:
        """The folder for a job that is described by `what`, in JSON's types.

        What other jobs have left unfinished for the same output is removed.
        """
        text = json.dumps(what, sort_keys=True)
        name = hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
        if storage.is_local(self.work) and os.path.isdir(self.work):
            for entry in os.scandir(self.work):
                if entry.is_dir() and entry.name != name:
                    storage.remove(entry.path)
        return storage.join(self.work, name)

    def commit(self, staging: str, summary: Mapping[str, Any]) -> None:
        """Shows the finished files as the output, and removes the work folder.

        On this machine's file system the folder appears in one step. Elsewhere the
        files are moved one by one, and `SUMMARY` comes last.
        """
        finished = storage.join(staging, FINISHED)
        storage.write_json(storage.join(finished, SUMMARY), summary)
        if storage.is_local(self.path):
            replaced = storage.join(staging, "replaced")
            if os.path.isdir(self.path):
                os.replace(self.path, replaced)
            os.replace(finished, self.path)
        else:
            if storage.list_files(storage.join(self.path, "*")):
                FileSystems.delete([self.path + "/"])
            self._move(finished)
        storage.remove(self.work)

    def _move(self, finished: str) -> None:
        files = storage.list_files(storage.join(finished, "**"))
        targets = [self.path + file[len(finished) :] for file in files]
        is_last = [target.endswith(f"/{SUMMARY}") for target in targets]
        for last in (False, True):
            chosen = [place for place, each in enumerate(is_last) if each == last]
            FileSystems.rename(
                [files[place] for place in chosen], [targets[place] for place in chosen]
            )
