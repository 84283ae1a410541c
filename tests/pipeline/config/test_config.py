"""Tests of pipeline.config: what is accepted, and how each mistake is reported."""

from __future__ import annotations

import os
import threading

import pydantic
import pytest

from pipeline import files
from pipeline.config import Config, ConfigError, load_config, option_names
from pipeline.durations import seconds_of

_REQUIRED = ("output=out", "data.pattern=a.csv")


def _load(*overrides: str) -> Config:
    return load_config(None, (*_REQUIRED, *overrides))


def test_two_options_are_enough_for_a_configuration():
    config = _load()
    assert config.output == "out"
    assert config.data.text_column == "text"
    assert config.train.epochs == "auto"
    assert config.evaluation.thresholds == {"auc": 0.6}


def test_a_file_sets_options_and_an_override_wins_over_it(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "output: out\ndata: {pattern: a.csv}\ntrain:\n  epochs: 7\n  seed: 3\n"
    )
    config = load_config(path, ["train.epochs=5"])
    assert (config.train.epochs, config.train.seed) == (5, 3)


def test_options_win_over_the_file_and_overrides_over_both(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("output: file\ndata: {pattern: file.csv}\n")
    options = {"output": "option", "data.pattern": "option.csv"}
    config = load_config(path, ["output=override"], options=options)
    assert (config.output, config.data.pattern) == ("override", "option.csv")


def test_an_empty_section_of_a_file_can_still_be_overridden(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("train:\n")
    config = load_config(path, [*_REQUIRED, "train.epochs=2"])
    assert config.train.epochs == 2


@pytest.mark.parametrize("name", ["no", "007", "a: b", "[x", "null_value", "1.0"])
def test_the_name_of_a_column_is_taken_as_it_is_written(name):
    assert _load(f"data.text_column={name}").data.text_column == name


def test_a_number_without_a_point_before_its_exponent_is_a_number():
    assert _load("train.learning_rate=1e-4").train.learning_rate == 1e-4


@pytest.mark.parametrize(("text", "value"), [("auto", "auto"), ("200", 200)])
def test_max_tokens_is_a_number_or_auto(text, value):
    assert _load(f"transform.max_tokens={text}").transform.max_tokens == value


def test_a_table_is_overridden_as_a_whole_or_by_entry():
    whole = _load("evaluation.thresholds={accuracy: 0.7}")
    assert whole.evaluation.thresholds == {"accuracy": 0.7}
    entry = _load("evaluation.thresholds.macro_f1=0.5")
    assert entry.evaluation.thresholds == {"macro_f1": 0.5}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=5", r"option train\.epoch does not exist .*train\.epochs\?"),
        ("epochs=5", r"option epochs does not exist .*train\.epochs\?"),
        ("bogus.x=1", r"option bogus does not exist; the sections are: output, data"),
        (
            "train.epochs=abc",
            r"option train\.epochs: .*integer or should be 'auto'\. Received: 'abc'",
        ),
        (
            "train.epochs=0",
            r"option train\.epochs: .*equal to 1 or .*'auto'\. Received: 0",
        ),
        ("train=5", r"option train: should be a section of options\. Received: 5"),
        ("model.pooling=avg", r"option model\.pooling: .*'mean', .* Received: 'avg'"),
        (
            "transform.max_tokens=many",
            r"option transform\.max_tokens: .*integer or .*'auto'\. Received: 'many'",
        ),
        (
            "evaluation.thresholds.auk=0.5",
            r"option evaluation\.thresholds\.auk: .*'auc'.* Received: 'auk'",
        ),
        (
            "evaluation.thresholds.auc=1.5",
            r"option evaluation\.thresholds\.auc: .* Received: 1\.5",
        ),
        ("model.ngram_rows=1", r"option model\.ngram_rows: .*Received: 1"),
        ("data.eval_fraction=0.95", r"must sum to less than 1"),
        ("train.epochs", r"section\.option=value\. Received: 'train\.epochs'"),
        ("train.epochs=true", "must be a number, not a truth value"),
        ("evaluation.thresholds={auc: yes}", "a number, not a truth value"),
        ("evaluation.slices={lang=de: {auc: no}}", "a number, not a truth value"),
        ("evaluation.thresholds={auc: 0.1, auc: 0.2}", "`auc` is given twice"),
        ("train.epochs=1000000000000000", "less than or equal to"),
        ("train.epochs=[", r"option train\.epochs: the value is not YAML"),
        ("output.x=1", r"option output\.x does not exist"),
        (
            "data.pattern=a\udcff.csv",
            r"option data\.pattern: has bytes that are not UT",
        ),
    ],
)
def test_a_mistake_is_reported_in_one_line_that_names_the_option(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        _load(override)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "name"),
    [
        (r'output="a\0b"', "output"),
        (r'data.pattern="a\0{SPAN}"', "data.pattern"),
        (r'data.keep_columns=["a\0"]', "data.keep_columns"),
        (r'beam.args=["--x=\0"]', "beam.args"),
        (r'evaluation.slices={"a=\0": {auc: 0.5}}', "evaluation.slices"),
    ],
)
def test_nul_is_refused_in_every_option_by_its_name(override, name):
    with pytest.raises(ConfigError) as caught:
        _load(override)
    message = f"option {name}: must not hold the character NUL"
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", ["output", "data.pattern"])
def test_a_required_option_that_is_missing_is_named(name):
    others = [override for override in _REQUIRED if not override.startswith(name)]
    with pytest.raises(ConfigError, match=f"option {name} is required"):
        load_config(None, others)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "must hold sections"),
        (b"train: [\n", "is not YAML"),
        (b"train: {epochs: 1}\ntrain: {batch_size: 4}\n", "`train` is given twice"),
        (b"train: {epochs: 1, epochs: 2}\n", "`epochs` is given twice"),
        (b"#" * (2**20 + 1), "larger than 1,048,576 bytes"),
        (b"a: " + b"[" * 3000, "nested too deeply"),
        (b"a: &a [*a]", "has over 100,000 values, each alias"),
        (
            b"data: {span: 2026-02-30}",
            "'2026-02-30' looks like a value of another kind",
        ),
        (b"a: 0x1" + b"0" * 256, "'0x1000.*looks like a value .*too large"),
        (b"a: [" + b"9" * 5000 + b"]", "'9999.*looks like a value of another kind"),
        (b"a: 0x_", "'0x_' looks like a value of another kind"),
        (b"a: !!int x", "'x' looks like a value of another kind"),
        (b"a: !!bool x", "'x' looks like a value of another kind"),
        (b"a: !!timestamp x", "'x' looks like a value of another kind"),
        (
            b"a0: &a0 [0]\n"
            + b"".join(
                b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)
            ),
            "has over 100,000 values, each alias",
        ),
        (b"\xff\xfe\xfa", "is not (YAML|UTF-8 text)"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "run.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        _load().train.epochs = 3


def test_every_option_says_what_it_is_for():
    for name in option_names():
        section, _, option = name.rpartition(".")
        model = Config.model_fields[section].annotation if section else Config
        assert model.model_fields[option].description, name


def test_a_configuration_survives_the_way_through_json():
    config = _load("transform.max_tokens=50", "data.columns=[label, text]")
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_one_text_column_or_several_can_be_named(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("output: out\ndata: {pattern: a.csv, text_column: [title, body]}\n")
    assert load_config(path).data.text_column == ("title", "body")
    assert _load("data.text_column=[title, 1]").data.text_column == ("title", "1")
    with pytest.raises(ConfigError, match="option data.text_column: "):
        _load("data.text_column=[]")


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        (";", ";"),
        (",", ","),
        ("|", "|"),
        ("#", "#"),
        ("'|'", "|"),
        ('"\\t"', "\t"),
        ("null", None),
    ],
)
def test_a_label_separator_may_be_what_yaml_has_a_use_for(text, separator):
    assert _load(f"data.label_separator={text}").data.label_separator == separator


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["data.test_pattern=a", "data.split_column=part"],
            "^option data: test_pattern and split_column must not both be set",
        ),
        (["data.test_pattern='{SPAN}/a'"], "placeholders of pattern"),
        (["data.eval_pattern='{YYYY}/a'"], "all of {YYYY}, {MM} and {DD}"),
        (["data.split_column=label"], "other columns than text and label"),
        (["data.group_column=text"], "other columns than text and label"),
        (["data.keep_columns=[label]"], "other columns than text and label"),
        (["data.keep_columns=[a, a]"], "once each"),
        (["data.keep_columns=['a=b']"], "columns without `=`, which parts column and"),
        (["data.keep_columns=[slices]"], "none of the features text, label, slices"),
        (["data.keep_columns=[label_id]"], "name of a feature"),
        (
            ["evaluation.slices={a=b: {auc: 0.5}}"],
            r"^option evaluation.slices must name slices .*data.keep_columns \(none\)",
        ),
        (["evaluation.slices={a=b: {f1: 0.5}}"], "'accuracy'"),
        (
            ["data.keep_columns=[a]", "evaluation.slices={a=1.0: {auc: 0.5}}"],
            "as examples have them: a=1. Received: 'a=1.0'",
        ),
        (["evaluation.slices={a=b: {auc: 5}}"], "evaluation.slices"),
        (
            ["evaluation.precision=0.9", "data.label_separator=;"],
            "evaluation.precision must be none where a row may have several labels",
        ),
        (["evaluation.precision=0.9", "data.multi_label=true"], "Received: 0.9"),
    ],
)
def test_rows_are_divided_and_sliced_in_one_way(overrides, message):
    with pytest.raises(ConfigError, match=message):
        _load(*overrides)


@pytest.mark.parametrize(
    "override",
    [
        "evaluation.thresholds={coverage: 0.5}",
        "evaluation.slices={a=b: {auc: 0.1}, a=c: {coverage: 0.5}}",
    ],
)
def test_coverage_is_judged_only_where_a_model_can_be_unsure(override):
    name = override.partition("=")[0]
    message = f"option {name}: a threshold for coverage needs evaluation.precision, "
    kept = "data.keep_columns=[a]"
    with pytest.raises(ConfigError, match=f"^{message}"):
        _load(kept, override)
    config = _load(kept, override, "evaluation.precision=0.9")
    assert config.evaluation.precision == 0.9
    with pytest.raises(ConfigError, match=r"^option evaluation.max_drop"):
        _load("evaluation.max_drop={coverage: 0.5}", "evaluation.precision=0.9")


def test_a_fixed_test_set_may_stand_beside_spans():
    config = _load("data.pattern={SPAN}/a.csv", "data.test_pattern=test.csv")
    assert config.data.held_out == {"test": "test.csv"}


def test_a_pipe_is_read_if_somebody_writes_and_not_waited_for_otherwise(
    tmp_path, monkeypatch
):
    path = tmp_path / "run.yaml"
    os.mkfifo(path)
    monkeypatch.setattr(files, "_PIPE_SECONDS", 0.1)
    with pytest.raises(ConfigError, match="nothing comes out of this pipe"):
        load_config(path, _REQUIRED)
    monkeypatch.setattr(files, "_PIPE_SECONDS", 10.0)
    writer = threading.Thread(target=path.write_text, args=["train: {epochs: 7}"])
    writer.start()
    assert load_config(path, _REQUIRED).train.epochs == 7
    writer.join()


@pytest.mark.parametrize(
    ("duration", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600)]
)
def test_a_search_has_a_duration(duration, seconds):
    config = _load(f"train.tune={duration}")
    assert seconds_of(config.train.tune) == seconds


@pytest.mark.parametrize("duration", ["5", "0s", "5 minutes", "-1m", "m", "1d"])
def test_what_is_no_duration_is_refused(duration):
    with pytest.raises(
        ConfigError, match=r"train\.tune: must be a duration such as 90s"
    ):
        _load(f"train.tune={duration}")


@pytest.mark.parametrize("option", ["elmo.trainable", "train.warm_start"])
def test_nothing_is_searched_for_a_head_that_does_not_begin_alone(option):
    with pytest.raises(ConfigError, match=f"train.tune must be none with {option}"):
        _load("train.tune=5m", f"{option}=true")


def _numbers(schema):
    """Yields what is said of each number that an option may be."""
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number") and "const" not in schema:
            yield schema
        for inner in schema.values():
            yield from _numbers(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _numbers(inner)


def test_every_number_has_bounds_that_the_libraries_take():
    found = list(_numbers(Config.model_json_schema()))
    assert len(found) > 20
    for number in found:
        most = number.get("maximum", number.get("exclusiveMaximum"))
        assert most is not None and most <= 2**63, number
        assert "minimum" in number or "exclusiveMinimum" in number, number
