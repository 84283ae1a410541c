"""Tests of pipeline.metadata.store: which store is meant, and how it fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from pipeline.errors import UserError
from pipeline.metadata import store
from pipeline.metadata.store import MetadataUnavailable, connection_config, open_store

_GOOD = {"HOST": "127.0.0.1", "PORT": "3307", "DATABASE": "d", "USER": "u"}


@pytest.fixture
def environment(monkeypatch):
    def put(**values: str):
        for name, value in values.items():
            monkeypatch.setenv(store.PREFIX + name, value)

    return put


def test_without_a_server_it_is_the_sqlite_file(tmp_path):
    path = tmp_path / "m.sqlite"
    assert not store.store_exists(path)
    open_store(path)
    assert store.store_exists(path)
    assert connection_config(path).sqlite.filename_uri == str(path)


def test_a_folder_whose_name_is_not_utf8_is_refused_in_one_line():
    with pytest.raises(UserError, match="not UTF-8 .*Received: /out\ufffd/m.sqlite"):
        connection_config(Path("/out\udcff/m.sqlite"))


def test_the_environment_names_a_server(environment, tmp_path):
    environment(**_GOOD, PASSWORD="p")
    mysql = connection_config(tmp_path / "unused").mysql
    assert (mysql.host, mysql.port, mysql.database) == ("127.0.0.1", 3307, "d")
    assert (mysql.user, mysql.password) == ("u", "p")
    assert store.store_exists(tmp_path / "unused")


def test_a_password_may_lie_in_a_file(environment, tmp_path):
    (tmp_path / "secret").write_text("from a file\n")
    environment(**_GOOD, PASSWORD_FILE=str(tmp_path / "secret"))
    assert connection_config(tmp_path / "unused").mysql.password == "from a file"
    environment(PASSWORD_FILE=str(tmp_path / "none"))
    with pytest.raises(
        MetadataUnavailable, match="PASSWORD_FILE cannot be read: .*none"
    ):
        connection_config(tmp_path / "unused")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"hush\xff", "it is not UTF-8"), (b"x" * 100_000, "is larger than 65,536 bytes")],
)
def test_a_file_that_holds_no_password_is_named(environment, tmp_path, content, reason):
    (tmp_path / "secret").write_bytes(content)
    environment(**_GOOD, PASSWORD_FILE=str(tmp_path / "secret"))
    with pytest.raises(
        MetadataUnavailable, match=f"PASSWORD_FILE cannot be read: .*secret.*{reason}"
    ):
        connection_config(tmp_path / "unused")


@pytest.mark.parametrize("name", ["HOST", "DATABASE", "USER", "PASSWORD"])
def test_a_value_that_is_not_utf8_is_refused_and_not_shown(environment, tmp_path, name):
    environment(**{**_GOOD, "PASSWORD": "p", name: "hush\udcff"})
    with pytest.raises(MetadataUnavailable, match=f"_{name} has bytes that .* UTF-8$"):
        connection_config(tmp_path / "unused")


@pytest.mark.parametrize("missing", ["DATABASE", "USER"])
def test_what_is_missing_beside_the_host_is_named(environment, tmp_path, missing):
    values = {name: value for name, value in _GOOD.items() if name != missing}
    environment(**values, PASSWORD="p")
    with pytest.raises(MetadataUnavailable, match=f"_{missing} must be set beside"):
        connection_config(tmp_path / "unused")


@pytest.mark.parametrize("port", ["mysql", "0", "70000", "99999999999", "9" * 5000])
def test_a_port_that_there_cannot_be_is_refused(environment, tmp_path, port):
    environment(**{**_GOOD, "PORT": port}, PASSWORD="p")
    with pytest.raises(
        MetadataUnavailable,
        match=f"PORT must be a number from 1 to 65,535. Received: '{port}'",
    ):
        connection_config(tmp_path / "unused")


def test_a_server_that_does_not_answer_is_named_without_the_password(
    environment, tmp_path
):
    environment(**{**_GOOD, "PORT": "1"}, PASSWORD="hush-hush")
    with pytest.raises(
        MetadataUnavailable, match="d on 127.0.0.1:1 .* by u: "
    ) as raised:
        open_store(tmp_path / "unused")
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("listing", ["by_context", "all"])
def test_what_was_written_after_the_clock_was_put_back_is_listed(tmp_path, listing):
    path = tmp_path / "metadata.sqlite"
    records = open_store(path)
    kind = records.put_context_type(metadata_store_pb2.ContextType(name="pipeline"))
    [context] = records.put_contexts(
        [metadata_store_pb2.Context(type_id=kind, name="tiny")]
    )
    node = records.put_execution_type(metadata_store_pb2.ExecutionType(name="Node"))
    [known] = records.get_contexts_by_id([context])
    for _ in range(103):  # a page has 100
        records.put_execution(metadata_store_pb2.Execution(type_id=node), [], [known])
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE Execution SET create_time_since_epoch = CASE WHEN id > 100 "
            "THEN 1000 + id ELSE 1000000 + id END"
        )
    if listing == "all":
        found = records.get_executions()
    else:
        found = records.get_executions_by_context(context)
    assert [each.id for each in found] == list(range(103, 0, -1))
