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

from components.text_example_gen.errors import DataError
from components.text_example_gen.file_systems import check_known
from pipeline.batch import leftovers, storage
from pipeline.batch.destination import (
    SUMMARY,
    WORK_SUFFIX,
    check_place,
    check_present,
    check_work,
    refuse_others,
)
from pipeline.batch.staging import COUNTS, FINISHED, PARTS, SPLITS
from pipeline.errors import RunError, UserError
from pipeline.files import hidden_leftovers, is_local, locked_folder, remove


class OutputBusy(RunError):
    """Another job works on the same output."""


class BatchOutput:
    """An output and its work folder, `<output>.unfinished`.

    The same job again finds there what it has finished; another one begins anew. What
    is to be removed is renamed first: a job that is killed meanwhile leaves nothing
    that another one would take for its own, and the next start removes the rest.

    Args:
        path: A folder on any file system that Beam knows; if local, absolute.
    """

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        self.work = self.path + WORK_SUFFIX
        self.is_there = False  # what this job has written, on this machine

    def check(self, *, overwrite: bool) -> None:
        """Refuses an output that exists, unless it may be overwritten.

        What a job that was killed in its clean-up has left is removed in any case.

        Raises:
            OutputExists: It exists, or it may be overwritten and holds what no job has
                written.
            UserError: No output can be there.
        """
        check_place(self.path)
        if not is_local(self.work):
            try:
                check_known(self.path)
            except DataError as error:
                raise UserError(f"option --output: {error}") from error
            check_work(self.work, {name.split("/")[0] for name in _inside(self.work)})
        else:
            leftovers.remove_left(self.work)
        self._check_present(overwrite)

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
                stack.callback(leftovers.remove_done, self.work)
            yield

    def staging(self, identity: Mapping[str, Any]) -> str:
        """Returns the folder of a job; what other jobs left unfinished is removed.

        Args:
            identity: All that makes two jobs the same one, in JSON's types.
        """
        text = json.dumps(identity, sort_keys=True)
        name = hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
        for job in leftovers.begun_jobs(self.work) if is_local(self.work) else ():
            if job.name != name or leftovers.is_done(job):
                leftovers.discard(job.path)
        staging = posixpath.join(self.work, name)
        # In this order: counts without finished files say that the job was done.
        storage.remove_file(posixpath.join(staging, COUNTS))
        storage.remove(posixpath.join(staging, FINISHED))
        return staging

    def abandon(self, staging: str) -> None:
        """Removes what a job has begun that can never be finished."""
        self._discard(staging)
        if not is_local(self.work):
            storage.remove(self.work)

    def commit(
        self, staging: str, summary: Mapping[str, Any], *, overwrite: bool
    ) -> None:
        """Makes the finished files the output, and removes those of the job.

        On this machine's file system the output appears in one step. Elsewhere the
        files are moved one by one, and `SUMMARY` comes last.

        Raises:
            OutputExists: As `check` does, of what has appeared there meanwhile.
        """
        self._check_present(overwrite)
        finished = posixpath.join(staging, FINISHED)
        storage.write_json(posixpath.join(finished, SUMMARY), summary)
        if is_local(self.path):
            # A worker that died, or that another one has overtaken, leaves its own.
            for folder, _, _ in os.walk(finished):
                for path in hidden_leftovers(Path(folder)):
                    remove(path)
            if os.path.isdir(self.path):
                os.replace(self.path, leftovers.dead_name(self.work))
            os.replace(finished, self.path)
            self.is_there = True
        else:
            if storage.list_files(self.path, "**"):
                FileSystems.delete([self.path + "/"])
            self._move(finished)
        self.abandon(staging)

    def _check_present(self, overwrite: bool) -> None:
        if is_local(self.path):
            check_present(self.path, overwrite=overwrite)
            return
        try:
            summary = storage.read_json(posixpath.join(self.path, SUMMARY))
        except ValueError:  # it is not ours
            summary = None
        refuse_others(self.path, _inside(self.path), summary, overwrite=overwrite)

    def _discard(self, folder: str) -> None:
        """Removes a folder in the work folder, so that no half of it is ever used."""
        if is_local(folder):
            leftovers.discard(folder)
            return
        # Without a rename: the records go first, as a job believes in these alone.
        for part in (SPLITS, PARTS):
            records = storage.list_files(posixpath.join(folder, part), "*.json")
            if records:
                FileSystems.delete(records)
        storage.remove(folder)

    def _move(self, finished: str) -> None:
        files = storage.list_files(finished, "**")
        summary = posixpath.join(finished, SUMMARY)
        for moved in ([file for file in files if file != summary], [summary]):
            targets = [self.path + file.removeprefix(finished) for file in moved]
            FileSystems.rename(moved, targets)


def _inside(folder: str) -> list[str]:
    """Returns the paths in a folder of its files, those of folders in it, too."""
    # An object store may mark a folder by an object whose name ends with `/`.
    files = storage.list_files(folder, "**")
    return [f.removeprefix(folder + "/") for f in files if not f.endswith("/")]
