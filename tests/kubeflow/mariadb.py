"""A MariaDB server of the tests' own, from Debian's packages."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tools.runners.services import Service, Services, accepts, free_port


@contextlib.contextmanager
def started_mariadb(
    folder: Path, database: str, user: str, password: str, *more: str
) -> Iterator[int]:
    """Starts a server, makes a database and its user, and yields the port.

    The test is skipped where the server is not installed.

    Args:
        folder: For its files.
        database: Name of the database.
        user: Who may do anything there, and nothing elsewhere.
        password: Theirs.
        more: More arguments of the server.
    """
    for program in ("mariadbd", "mariadb-install-db", "mariadb"):
        if shutil.which(program) is None:
            pytest.skip(
                f"needs {program} (Debian mariadb-server-core, mariadb-client-core)"
            )
    data, socket, port = folder / "data", folder / "socket", free_port()
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *as_root]
        + ["--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}"]
    command += [f"--port={port}", "--bind-address=127.0.0.1", *as_root, *more]
    services = Services(folder)
    services.start((Service("mariadb", command, accepts(port)),))
    try:
        _execute(
            socket,
            f"CREATE DATABASE {database}",
            f"CREATE USER {user}@'%' IDENTIFIED BY '{password}'",
            f"GRANT ALL ON {database}.* TO {user}@'%'",
        )
        yield port
    finally:
        services.stop()


def _execute(socket: Path, *statements: str) -> None:
    client = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root"]
    lines: Sequence[str] = [f"{statement};\n" for statement in statements]
    subprocess.run(client, input="".join(lines), text=True, check=True)
