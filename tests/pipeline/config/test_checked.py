"""Tests of checked_config: what is refused before a run starts, and in which words."""

from __future__ import annotations

import json
import os

import pytest

from pipeline.config import ConfigError, load_config
from pipeline.config.checked import checked_config
from tests.chinese import write_reviews

_GOOD = "text,label\nA fine film.,1\nA waste of time.,0\n"


@pytest.fixture
def texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "texts.csv"
    path.write_text(_GOOD)
    return path


def _check(*overrides: str):
    return checked_config(
        load_config(None, ["output=out", "data.pattern=texts.csv", *overrides])
    )


def test_a_good_configuration_comes_back_with_absolute_paths(texts, tmp_path):
    (tmp_path / "schema.pbtxt").write_text("feature {}")
    checked = _check("data.schema_path=schema.pbtxt")
    assert checked.data_bytes == len(_GOOD)
    assert checked.config.data.pattern == str(texts)
    assert checked.config.output == str(tmp_path / "out")
    assert checked.config.data.schema_path == str(tmp_path / "schema.pbtxt")
    assert checked.config.elmo.source == "default"
    assert os.listdir(tmp_path).count("out") == 0


def test_texts_without_blanks_between_words_get_another_tokenizer_suggested(texts):
    assert _check().tokenizer is None
    write_reviews(texts, count=20)
    assert _check().tokenizer == "characters"
    assert _check("transform.tokenizer=elmo").tokenizer is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no rows"),
        (b"text,label\n", "no rows"),
        (b"\x00\x01\x02\xff" * 500, "texts.csv"),
        (b"review,label\ngood,1\nbad,0\n", "no column `text`.*review, label"),
        (b"text,labels\ngood,1\nbad,0\n", "no column `label`.*labels"),
        (
            b"text,label\n" + b"".join(b"t%d,%d.37\n" % (i, i) for i in range(300)),
            "number",
        ),
    ],
)
def test_data_that_cannot_be_used_is_refused_with_what_was_found(
    texts, content, message
):
    texts.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        _check()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.pattern=nope.csv", "No file matches .*nope.csv"),
        ("data.format=xml", "option data.format"),
        ("data.label_column=text", "must differ"),
        ("data.schema_path=no.pbtxt", "option data.schema_path: .*no.pbtxt"),
        ("elmo.source=no/such/folder", "option elmo.source: .*no/such/folder"),
        ("beam.args=[--runner=FlnkRunner]", "'FlnkRunner' .*did you mean FlinkRunner"),
    ],
)
def test_an_option_that_leads_nowhere_is_refused_by_name(texts, override, message):
    with pytest.raises(ConfigError, match=message):
        _check(override)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no feature"),
        (b"feature { name: 'sch\xf6n' }", "can't decode byte 0xf6"),
        (b"featur {}", 'has no field named "featur"'),
        (b"feature { struct_domain { " * 2000, "recursion|Expected"),
        (b'{"feature": []}', "Expected identifier"),
    ],
)
def test_what_is_no_schema_is_refused_before_a_run(texts, content, why):
    path = texts.with_name("schema.pbtxt")
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{path} is not a schema of .*: .*({why})"):
        _check(f"data.schema_path={path}")


@pytest.mark.parametrize("name", ["out [1]", "out*", "out?", "a\\b", "of [1]/out"])
def test_an_output_whose_path_would_stand_for_others_is_refused(texts, tmp_path, name):
    with pytest.raises(ConfigError, match="option output: .*would stand for") as caught:
        _check(f"output={json.dumps(name)}")
    assert str(tmp_path / name) in str(caught.value)
    assert os.listdir(tmp_path) == ["texts.csv"]


def test_a_folder_without_a_model_is_no_elmo_source(texts, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="option elmo.source: .*options"):
        _check("elmo.source=empty")


@pytest.mark.parametrize(
    "args", ["[--runner=DirectRunner]", "[--runner=flink]", "[--runner=a.b.Runner]"]
)
def test_the_runners_that_beam_knows_are_accepted(texts, args):
    assert _check(f"beam.args={args}").config.beam.args


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"A fine film.\nA bad one.\n", "set its --format …: csv, "),
        (b"review,label\ngood,1\n", "name its columns (--columns …)"),
        (b"format,label\ngood,1\n", "name its columns (--columns …)"),
    ],
)
def test_a_hint_names_what_one_types(texts, tmp_path, content, hint):
    name = "texts.csv" if b"," in content else "texts.txt"
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        _check(f"data.pattern={name}")
    assert hint in str(raised.value).partition("\nhint: ")[2]


def test_a_column_that_may_be_meant_is_no_option(texts):
    texts.write_bytes(b"formats,label\ngood,1\n")
    with pytest.raises(ConfigError, match="hint: did you mean `formats`\\?"):
        _check("data.text_column=format")


def test_files_of_held_out_rows_are_looked_at_too(texts, tmp_path):
    (tmp_path / "test.tsv").write_text("text\tlabel\nA film.\t1\n")
    checked = _check("data.test_pattern=test.tsv")
    assert checked.config.data.test_pattern == str(tmp_path / "test.tsv")
    assert checked.data_bytes == len(_GOOD) + 21
    (tmp_path / "test.tsv").write_text("index\ttext\n0\tA film.\n")  # of a contest
    with pytest.raises(ConfigError, match="the test files: .* has no column `label`"):
        _check("data.test_pattern=test.tsv")
    with pytest.raises(ConfigError, match="the eval files: No file matches .*none.csv"):
        _check("data.eval_pattern=none.csv")
    with pytest.raises(ConfigError, match="but those of rows that are held out"):
        _check("data.test_pattern=texts.csv")
    with pytest.raises(ConfigError, match="no column `part`"):
        _check("data.split_column=part")


@pytest.mark.parametrize(
    "data", ["d", "d/", "d/**", "d/**/*.csv", "[a-z]/**/*.csv", "*/*/*/*.json"]
)
def test_an_output_among_the_data_is_refused(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d" / "out" / "runs").mkdir(parents=True)
    (tmp_path / "d" / "texts.csv").write_text(_GOOD)
    if data.endswith(".json"):
        (tmp_path / "d" / "out" / "runs" / "run.json").write_text("{}")
    message = "option output: .*/d/out lies among the data, .*: the next run would"
    with pytest.raises(ConfigError, match=message):
        _check("output=d/out", f"data.pattern={data}")


@pytest.mark.parametrize("output", [".", "d", "out", "d/out"])
def test_an_output_beside_the_data_is_good(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d" / "out").mkdir(parents=True)
    (tmp_path / "d" / "texts.csv").write_text(_GOOD)
    assert _check(f"output={output}", "data.pattern=d/*.csv").data_bytes == len(_GOOD)


def test_the_folder_of_the_data_is_no_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "texts.csv").write_text(_GOOD)
    with pytest.raises(ConfigError, match="lies among the data, d: the next run"):
        _check("output=d", "data.pattern=d")
