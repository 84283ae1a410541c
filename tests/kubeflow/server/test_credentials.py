"""The login: options, variables, and errors that quote no secret."""

from __future__ import annotations

import pytest

from elmo_kubeflow.errors import BadCredentials
from elmo_kubeflow.server.credentials import VARIABLES, read_credentials


def test_an_option_of_the_file_wins_over_its_variable(tmp_path):
    path = tmp_path / "who.yaml"
    path.write_text("cookies: of-the-file\n")
    environ = {VARIABLES["cookies"]: "of-the-variable", VARIABLES["token"]: "t"}
    read = read_credentials(path, environ)
    assert read.cookies.get_secret_value() == "of-the-file"
    assert read.token.get_secret_value() == "t"


def test_a_token_of_the_file_replaces_a_token_file_of_the_environment(tmp_path):
    path = tmp_path / "who.yaml"
    path.write_text("token: t\n")
    assert read_credentials(path, {VARIABLES["token_file"]: "/x"}).token_file is None


def test_a_secret_does_not_show_in_what_is_printed():
    read = read_credentials(None, {VARIABLES["token"]: "s3cret"})
    assert "s3cret" not in repr(read)
    assert "s3cret" not in read.model_dump_json()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tokn: s3cret", "tokn"),
        ("token: [s3cret]", "token"),
        ("token: 's3cret", "not YAML"),
        ("s3cret", "must hold options"),
        ("token: s3cret\nclient_id: x", "token and client_id"),
        ("token_file: /no/such/file", "/no/such/file: No such file"),
        ("ssl_ca_cert: /no/such/file", "/no/such/file: No such file"),
        ("token_file: /dev/zero", "/dev/zero is larger than 1,048,576 bytes"),
        ("token: s3cret\ntoken: b", "not YAML"),
        ("token: s3cret\ncookies: " + "[" * 3000, "not YAML"),
        ("token: s3cret \udcff", "not UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_quoted(tmp_path, content, message):
    path = tmp_path / "who.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(BadCredentials) as caught:
        read_credentials(path, {})
    text = str(caught.value)
    assert message in text
    assert "s3cret" not in text
    assert "\n" not in text
