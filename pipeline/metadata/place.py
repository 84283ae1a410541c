"""Lets the records of an output follow its folder when that is moved or copied.

ML Metadata records where artifacts lie as absolute paths. When a run finds the store in
another folder than its artifacts were recorded in, these paths are rewritten. TFX's
cache compares the paths, too; so the place where the output was first is kept, and
`pipeline.runs.node_launcher` looks nodes up as if it were still there.

All this is for the SQLite file in the output itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.errors import RunError
from pipeline.files import unshare
from pipeline.metadata.store import open_store
from pipeline.terminal import visible_line

# What a run records: outputs of nodes, and versions that a rollback serves again.
_PATH = re.compile(r"(?P<place>.*)/(?:pipeline/[^/]+/[^/]+|serving)/[0-9]+", re.DOTALL)
_LIVE = metadata_store_pb2.Artifact.LIVE

# A context of our own, and its property.
_FIRST_PLACE = "elmo_tfx.FirstPlace"
_PLACE = "path"


class MoveIncomplete(RunError):
    """A part of an output was left behind; the message says which."""


class StoreUnreadable(RunError):
    """ML Metadata's SQLite file is damaged, or cannot be read or written."""


def check_whole(database: Path) -> None:
    """Refuses a database that is damaged anywhere in it, or cannot be read.

    Raises:
        StoreUnreadable: It is.
    """
    with _connected(database) as connection:
        _check_whole(connection)


def adopt_place(
    database: Path, check: Callable[[Path], None] = lambda before: None
) -> Path | None:
    """Makes all that is recorded lie where the database lies now: all or nothing.

    A database that is shared with a copy of the output, by a link of either kind,
    becomes one of its own first.

    Args:
        database: The SQLite file, in the folder of its output. No other process may
            use it meanwhile.
        check: Is given where the output was before, and raises if it must not be
            here; nothing is changed then.

    Returns:
        Where the output was before, or None if it was here, perhaps under the name of
        a symbolic link.

    Raises:
        MoveIncomplete: An artifact is there but not here.
        StoreUnreadable: The file is no database, is damaged anywhere in it, or cannot
            be written.
    """
    here = str(database.parent)
    if database.is_symlink():
        # Only SQLite finds what a killed run has begun, and takes it back first.
        with _connected(database) as connection:
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
    try:
        unshare(database, even_link=True)
    except OSError as error:
        raise StoreUnreadable(f"{database} cannot be used: {error.strerror}") from error
    with _connected(database) as connection:
        _check_whole(connection)
        artifacts = _artifacts(connection)
        connection.execute("BEGIN IMMEDIATE")  # fails if it cannot be written
    places = [_place(uri) for _, uri, _ in artifacts]
    earlier = [place for place in dict.fromkeys(places) if place not in (None, here)]
    if not earlier:
        return None
    moved = [place for place in earlier if not _is_same(place, here)]
    moves = {
        uri: _moved(uri, earlier, here)
        for (_, uri, _), place in zip(artifacts, places, strict=True)
        if place in earlier
    }
    there = [
        uri for _, uri, state in artifacts if state == _LIVE and _place(uri) in moved
    ]
    for uri in there:
        _refuse_left_behind(uri, moves[uri], here)
    if moved:
        check(Path(moved[-1]))
    for uri in there:
        _refuse_shared(uri, moves[uri], here)
    _keep_first_place(database, next(filter(None, places)))
    with _connected(database) as connection:
        _rewrite(connection, earlier, here)
    return Path(moved[-1]) if moved else None


def place_here(uri: str, output: Path) -> str:
    """Returns where a result lies if its output was moved and no run has begun since.

    Args:
        uri: As it is recorded; what is there is not looked for elsewhere.
        output: The folder of the output.
    """
    place = _place(uri)
    moved = uri if place is None else _moved(uri, [place], str(output))
    return moved if not os.path.exists(uri) and os.path.exists(moved) else uri


def first_place(database: Path) -> str | None:
    """Returns where the output of a database was before it was first moved, or None."""
    [context] = open_store(database).get_contexts_by_type(_FIRST_PLACE) or [None]
    return context and context.custom_properties[_PLACE].string_value


def _keep_first_place(database: Path, place: str) -> None:
    if first_place(database) is not None:
        return
    store = open_store(database)
    kind = metadata_store_pb2.ContextType(name=_FIRST_PLACE)
    context = metadata_store_pb2.Context(
        type_id=store.put_context_type(kind), name=_FIRST_PLACE
    )
    context.custom_properties[_PLACE].string_value = place
    store.put_contexts([context])


def _check_whole(connection: sqlite3.Connection) -> None:
    """Refuses a damaged database, which ML Metadata would read until it gets there.

    It takes a millisecond for what one run records.
    """
    [(found,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if found != "ok":
        # Of several lines the last one says what is wrong where.
        raise sqlite3.DatabaseError(found.splitlines()[-1])


def _artifacts(connection: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """Returns number, path and state of all artifacts, in their order."""
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'Artifact'"
    if not connection.execute(tables).fetchall():
        return []  # a store that was never opened
    rows = "SELECT id, uri, state FROM Artifact WHERE uri IS NOT NULL ORDER BY id"
    found = connection.execute(rows).fetchall()
    for number, uri, _ in found:
        if not isinstance(uri, str):
            raise sqlite3.DatabaseError(f"the path of artifact {number} is no text")
    return found


def _rewrite(connection: sqlite3.Connection, earlier: list[str], here: str) -> None:
    """Rewrites paths, and not the times of change: TFX's cache compares these, too."""
    for table, column, key in (
        ("Artifact", "uri", "id"),
        ("ArtifactProperty", "string_value", "rowid"),
    ):
        rows = connection.execute(
            f"SELECT {column}, {key} FROM {table} WHERE {column} IS NOT NULL"
        )
        connection.executemany(
            f"UPDATE {table} SET {column} = ? WHERE {key} = ?",
            [
                (new, number)
                for old, number in rows.fetchall()
                if isinstance(old, str) and (new := _moved(old, earlier, here)) != old
            ],
        )


def _moved(path: str, earlier: list[str], here: str) -> str:
    """Returns a path in an earlier place as it is here; any other text as it is."""
    for place in sorted(earlier, key=len, reverse=True):
        if path.startswith(f"{place}/"):
            return here + path[len(place) :]
    return path


def _place(uri: str) -> str | None:
    match = _PATH.fullmatch(uri)
    return match["place"] if match else None


def _is_same(place: str, here: str) -> bool:
    try:
        return os.path.samefile(place, here)
    except OSError:
        return False


def _refuse_left_behind(old: str, new: str, here: str) -> None:
    if os.path.exists(old) and not os.path.exists(new):
        raise MoveIncomplete(
            f"this output was copied without {os.path.relpath(new, here)}, which still "
            f"lies at {old}. Received: {here} (hint: copy the whole folder, or choose "
            "another --output)"
        )


def _refuse_shared(old: str, new: str, here: str) -> None:
    if os.path.exists(old) and os.path.exists(new) and os.path.samefile(old, new):
        raise MoveIncomplete(
            f"{os.path.relpath(new, here)} of this output is, by a link, that of the "
            f"one at {old.removesuffix(new.removeprefix(here))}, of which it is a "
            f"copy. Received: {here} (hint: copy without links)"
        )


@contextlib.contextmanager
def _connected(database: Path) -> Iterator[sqlite3.Connection]:
    """Opens a database; what is written in the block is written whole or not at all."""
    try:
        with (
            contextlib.closing(sqlite3.connect(database)) as connection,
            connection,
        ):
            yield connection
    except sqlite3.Error as error:
        message = f"{database} cannot be used: {error}"
        if not isinstance(error, sqlite3.OperationalError):  # such as a full disk
            message += (
                " (hint: bring back a copy of that file, or remove it and "
                f"{database.parent / 'pipeline'}: then the output begins anew, and "
                "keeps what is served)"
            )
        raise StoreUnreadable(message) from error


def describe_move(before: Path) -> str:
    """Returns the line with which a command says what `adopt_place` has done."""
    where = visible_line(str(before))
    return f"this output was at {where}: its records now lead to where it is"
