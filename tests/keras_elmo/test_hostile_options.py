"""An options.json that is broken, or made to hurt: each gets one line, and soon."""

from __future__ import annotations

import json
import re

import pytest

from keras_elmo import BiLMOptions
from keras_elmo.sources import open_source
from tests.keras_elmo.hostile import refusal

pytestmark = pytest.mark.timeout(20)  # what waits or never ends fails


def set_entry(options, entry, value):
    *path, last = entry.split(".")
    for name in path:
        options = options[name]
    options[last] = value


ENTRIES = [
    ("lstm", 3),
    ("lstm", None),
    ("char_cnn", []),
    ("char_cnn.embedding", "16"),
    ("char_cnn.embedding.dim", 0),
    ("char_cnn.embedding.dim", "4"),
    ("char_cnn.embedding.dim", 4.5),
    ("char_cnn.n_highway", -1),
    ("char_cnn.n_highway", 10_000_000),
    ("char_cnn.n_highway", [1]),
    ("char_cnn.max_characters_per_token", 2),
    ("char_cnn.max_characters_per_token", 10**9),
    ("char_cnn.n_characters", 300),
    ("char_cnn.n_characters", "262"),
    ("char_cnn.activation", ["relu"]),
    ("char_cnn.activation", None),
    ("char_cnn.filters", {}),
    ("char_cnn.filters", []),
    ("char_cnn.filters", [1, 2]),
    ("char_cnn.filters", [[1, 2, 3]]),
    ("char_cnn.filters", [[1, 3]] * 101),
    ("char_cnn.filters[0][0]", 13),  # wider than a token
    ("char_cnn.filters[0][1]", -3),
    ("char_cnn.filters[0][1]", "3"),
    ("lstm.dim", True),
    ("lstm.dim", 10**30),
    ("lstm.dim", {"a": 1}),
    ("lstm.n_layers", 0),
    ("lstm.n_layers", 10_000_000),
    ("lstm.n_layers", None),
    ("lstm.projection_dim", -5),
    ("lstm.cell_clip", "3"),
    ("lstm.cell_clip", -1.0),
    ("lstm.cell_clip", 10**400),
    ("lstm.proj_clip", True),
    ("lstm.use_skip_connections", "false"),
    ("bidirectional", False),
    ("bidirectional", "no"),
]


@pytest.mark.parametrize(
    ("entry", "value"), ENTRIES, ids=[f"{e}={str(v)[:12]}" for e, v in ENTRIES]
)
def test_an_entry_of_another_type_or_size_is_named(folder, entry, value):
    path = folder / "options.json"
    options = json.loads(path.read_text())
    if entry.endswith("]"):  # of the first pair
        set_entry(
            options, "char_cnn.filters", [[1, value] if "[1]" in entry else [value, 3]]
        )
    else:
        set_entry(options, entry, value)
    path.write_text(json.dumps(options))
    line = refusal(folder)
    assert f"options from {path}: `{entry}` must be" in line
    assert len(line) < 400


TEXTS = {
    "not UTF-8": (b'{"lstm": "\xff"}', "can't decode byte 0xff"),
    "UTF-16": ('{"lstm": 1}'.encode("utf-16"), "can't decode"),
    "cut short": (b'{"lstm": {"dim": 4', "delimiter"),
    "a list": (b"[]", "`the whole` must be a JSON object"),
    "nothing in it": (b"{}", "lack the entry char_cnn"),
    "nested": (b'{"lstm":' + b"[" * 100_000, "nested too deeply"),
    "NaN": (b'{"lstm": NaN}', "NaN is not a number"),
    "infinity": (b'{"lstm": -Infinity}', "-Infinity is not a number"),
    "many digits": (b'{"lstm": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    "large": (b" " * (1 << 26), "larger than 33,554,432 bytes"),
    "zeros": (bytes(100), "Expecting value"),
}


@pytest.mark.parametrize(("data", "words"), TEXTS.values(), ids=TEXTS)
def test_options_that_are_no_small_json_are_refused(folder, data, words):
    (folder / "options.json").write_bytes(data)
    line = refusal(folder)
    assert f"Cannot read ELMo options from {folder}/options.json" in line
    assert words in line


def test_options_for_more_weights_than_a_machine_has_are_refused(folder):
    path = folder / "options.json"
    options = json.loads(path.read_text())
    options["lstm"]["dim"] = options["lstm"]["projection_dim"] = 65_536
    path.write_text(json.dumps(options))
    assert re.search(r"options.json.*1,073,741,824 weights.*Received", refusal(folder))


def test_what_other_programs_write_besides_is_read(folder, tmp_path):
    path = folder / "options.json"
    options = json.loads(path.read_text())
    expected = BiLMOptions.from_dict(options)
    options |= {"bidirectional": True, "n_epochs": 10, "dropout": 0.1}
    options["lstm"]["dim"] = float(options["lstm"]["dim"])
    options["char_cnn"]["n_characters"] = 261
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(options).encode())  # with a BOM
    assert open_source(folder).options == expected


@pytest.mark.parametrize(
    "entry",
    [
        "char_cnn.n_highway",
        "char_cnn.n_characters",
        "lstm.use_skip_connections",
        "lstm.cell_clip",
        "lstm.proj_clip",
        "bidirectional",
    ],
)
def test_null_is_what_a_missing_entry_is_where_the_original_takes_it_so(folder, entry):
    options = json.loads((folder / "options.json").read_text())
    set_entry(options, entry, None)
    read = BiLMOptions.from_dict(options)
    *path, last = entry.split(".")
    del (options[path[0]] if path else options)[last]
    assert read == BiLMOptions.from_dict(options)
