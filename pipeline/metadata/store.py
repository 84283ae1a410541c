"""Opens the store of ML Metadata that runs write.

That is a SQLite file in the output folder. Several machines share a MySQL database
instead, which the environment names:

    ELMO_TFX_METADATA_HOST, ELMO_TFX_METADATA_PORT (3306), ELMO_TFX_METADATA_DATABASE,
    ELMO_TFX_METADATA_USER, and ELMO_TFX_METADATA_PASSWORD or
    ELMO_TFX_METADATA_PASSWORD_FILE, the path of a file with the password.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from components.text_example_gen.reading.records import replace_invalid
from pipeline.errors import RunError, UserError
from pipeline.files import FileTooLarge, read_bounded

PREFIX = "ELMO_TFX_METADATA_"
_PORT, _LAST_PORT = "3306", 65535
_MOST_BYTES = 2**16  # of the file with the password


def _by_number(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def listing(*args: Any, **given: Any) -> Any:
        call = signature.bind(*args, **given)
        if call.arguments.get("list_options") is None:
            order = mlmd.OrderByField.ID
            call.arguments["list_options"] = mlmd.ListOptions(
                order_by=order, is_asc=False
            )
        return method(*call.args, **call.kwargs)

    return listing


# In the order of time, page by page, ML Metadata loses what was written after the clock
# was put back; TFX, which lists so, would not find the inputs of nodes.
for _listing in (
    *("get_artifacts", "get_executions", "get_contexts"),
    *("get_artifacts_by_context", "get_executions_by_context"),
):
    _method = getattr(mlmd.MetadataStore, _listing)
    setattr(mlmd.MetadataStore, _listing, _by_number(_method))


class MetadataUnavailable(RunError):
    """The store cannot be reached; the message says which, and never a password."""


def is_on_server() -> bool:
    """Whether the environment names a MySQL server."""
    return bool(os.environ.get(PREFIX + "HOST"))


def store_exists(path: Path) -> bool:
    """Whether there can be records: on a server, or in the SQLite file `path`."""
    return is_on_server() or path.exists()


def connection_config(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """Returns how to reach the store: the server, or else the SQLite file `path`.

    Raises:
        MetadataUnavailable: The environment names a server, but not all it needs.
        UserError: The path of the SQLite file is not UTF-8.
    """
    config = metadata_store_pb2.ConnectionConfig()
    if is_on_server():
        config.mysql.CopyFrom(_mysql())
    else:
        shown, is_replaced = replace_invalid(str(path))
        if is_replaced:
            raise UserError(
                "option --output: its name has bytes that are not UTF-8 (hint: give it "
                f"another name). Received: {shown}"
            )
        config.sqlite.filename_uri = str(path)
        config.sqlite.connection_mode = (
            metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        )
    return config


def open_store(path: Path) -> mlmd.MetadataStore:
    """Opens the server's store, or else the SQLite file, which is created if need be.

    Raises:
        MetadataUnavailable: The server does not answer, or refuses.
    """
    config = connection_config(path)
    try:
        return mlmd.MetadataStore(config)
    except (mlmd.errors.StatusError, RuntimeError) as error:
        if not is_on_server():
            raise
        reason = str(error).partition("\n")[0]
        raise MetadataUnavailable(
            f"ML Metadata's database {config.mysql.database} on "
            f"{config.mysql.host}:{config.mysql.port} cannot be used by "
            f"{config.mysql.user}: {reason}"
        ) from error


def _mysql() -> metadata_store_pb2.MySQLDatabaseConfig:
    port = os.environ.get(PREFIX + "PORT") or _PORT
    is_number = port.isdecimal() and len(port) <= len(str(_LAST_PORT))
    if not is_number or not 1 <= int(port) <= _LAST_PORT:
        raise MetadataUnavailable(
            f"{PREFIX}PORT must be a number from 1 to {_LAST_PORT:,}. Received: "
            f"{port!r}"
        )
    return metadata_store_pb2.MySQLDatabaseConfig(
        host=_required("HOST"),
        port=int(port),
        database=_required("DATABASE"),
        user=_required("USER"),
        password=_password(),
    )


def _required(name: str) -> str:
    value = os.environ.get(PREFIX + name)
    if not value:
        raise MetadataUnavailable(f"{PREFIX}{name} must be set beside {PREFIX}HOST")
    if replace_invalid(value)[1]:  # it is not shown, as it may be the password
        raise MetadataUnavailable(f"{PREFIX}{name} has bytes that are not UTF-8")
    return value


def _password() -> str:
    path = os.environ.get(PREFIX + "PASSWORD_FILE")
    if not path:
        return _required("PASSWORD")
    try:
        return read_bounded(Path(path), _MOST_BYTES).strip()
    except FileTooLarge as error:
        raise MetadataUnavailable(
            f"{PREFIX}PASSWORD_FILE cannot be read: {error}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise MetadataUnavailable(
            f"{PREFIX}PASSWORD_FILE cannot be read: {path}: {reason}"
        ) from None  # what could not be decoded is the password
