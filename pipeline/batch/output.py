"""The output folder, which is absent or complete, and the work folder beside it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
from apache_beam.io.filesystems import FileSystems

from pipeline.batch import storage
from pipeline.batch.staging import FINISHED
from pipeline.errors import RunError, UserError
from pipeline.files import is_local, locked_folder

SUMMARY = "summary.json"


class OutputExists(UserError):
    """There is something where the output should appear."""


class OutputBusy(RunError):
    """Another job works on the same output."""


class BatchOutput:
    """An output and its work folder, `<output>.unfinished`.

    The same job again finds there what it has finished; another one begins anew.

    Args:
        path: A folder on any file system that Beam knows; if local, absolute.
    """

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        self.work = f"{self.path}.unfinished"

    def check(self, *, overwrite: bool) -> None:
        """Refuses an output that exists, unless it may be overwritten.

        Raises:
            OutputExists: It exists, or it may be overwritten and no job has made it.
        """
        present = storage.list_files(posixpath.join(self.path, "*"))
        if not present:
            return
        if not overwrite:
            raise OutputExists(
                f"{self.path} exists (hint: another --output, or --overwrite)"
            )
        if not FileSystems.exists(posixpath.join(self.path, SUMMARY)):
            raise OutputExists(
                f"{self.path} holds files that are not an earlier output; it is not "
                "overwritten (hint: choose another --output)"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the work folder for one job, if it is on this machine.

        Raises:
            OutputBusy: Another process holds it.
            UserError: It cannot be created.
        """
        with contextlib.ExitStack() as stack:
            if is_local(self.path):
                try:
                    stack.enter_context(locked_folder(Path(self.work)))
                except filelock.Timeout as error:
                    raise OutputBusy(f"another job writes {self.path}") from error
                except OSError as error:
                    raise UserError(
                        f"option --output: cannot be written: {error.filename}: "
                        f"{error.strerror}"
                    ) from error
                stack.callback(self._remove_unused)
            yield

    def staging(self, identity: Mapping[str, Any]) -> str:
        """Returns the folder of a job; what other jobs left unfinished is removed.

        Args:
            identity: All that makes two jobs the same one, in JSON's types.
        """
        text = json.dumps(identity, sort_keys=True)
        name = hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
        if is_local(self.work) and os.path.isdir(self.work):
            for entry in os.scandir(self.work):
                if entry.is_dir() and entry.name != name:
                    storage.remove(entry.path)
        return posixpath.join(self.work, name)

    def commit(self, staging: str, summary: Mapping[str, Any]) -> None:
        """Makes the finished files the output, and removes the work folder.

        On this machine's file system the output appears in one step. Elsewhere the
        files are moved one by one, and `SUMMARY` comes last.
        """
        finished = posixpath.join(staging, FINISHED)
        storage.write_json(posixpath.join(finished, SUMMARY), summary)
        if is_local(self.path):
            replaced = posixpath.join(staging, "replaced")
            if os.path.isdir(self.path):
                os.replace(self.path, replaced)
            os.replace(finished, self.path)
        else:
            if storage.list_files(posixpath.join(self.path, "*")):
                FileSystems.delete([self.path + "/"])
            self._move(finished)
        storage.remove(self.work)

    def _remove_unused(self) -> None:
        """Removes the work folder if no job was begun in it."""
        work = Path(self.work)
        if work.is_dir() and not any(entry.is_dir() for entry in work.iterdir()):
            storage.remove(self.work)

    def _move(self, finished: str) -> None:
        files = storage.list_files(posixpath.join(finished, "**"))
        summary = posixpath.join(finished, SUMMARY)
        for moved in ([file for file in files if file != summary], [summary]):
            targets = [self.path + file.removeprefix(finished) for file in moved]
            FileSystems.rename(moved, targets)
