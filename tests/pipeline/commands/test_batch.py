"""`predict`, `embed` and their neighbours: what is refused, and how early."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from pipeline.batch.inputs import TYPED, first_look
from pipeline.batch.run_job import JobSummary
from pipeline.commands import batch, embed, predict
from pipeline.commands.allowance import Allowance
from pipeline.commands.batch import _request, batch_options, run_batch
from pipeline.errors import RunError, UserError

# Answers arguments on stdin, a list a line, by exit code, output and large libraries.
_ANSWER = """
import json, sys
from click.testing import CliRunner
from pipeline.cli import main
large = {"tensorflow", "keras", "tfx", "apache_beam", "ml_metadata", "pyarrow"}
for line in sys.stdin:
    result = CliRunner().invoke(main, json.loads(line))
    loaded = sorted(large & sys.modules.keys())
    print(json.dumps([result.exit_code, result.output, loaded]))
"""


def _scorer():
    return SimpleNamespace(fields={"label": "string"}), {}


def test_help_and_what_is_missing_need_no_large_library(
    toy_model, repository, tmp_path
):
    (tmp_path / "x.csv").write_text("id,text\n1,good\n")
    output = ("--output", f"{tmp_path}/out")
    embed = ("embed", "--input", f"{tmp_path}/x.csv", *output)
    predict = ("predict", "--input", f"{tmp_path}/x.csv", "--model", f"{toy_model}")
    predict += output
    run = ("run", "--data", f"{tmp_path}/x.csv", "--label-column", "id", *output)
    cases = [
        *(
            ([name, "--help"], f"elmo-tfx {name} ")
            for name in ("predict", "embed", "score", "rollback", "pretrain")
        ),
        ([*predict, "--max-rejected", "x"], "option --max-rejected: a number of rows"),
        ([*predict, "--input-format", "xls"], "`format` must be one of"),
        ([*predict, "--columns", "id,id"], "must not repeat a name"),
        ([*predict, "--model", "nowhere"], "there is no folder nowhere (hint: give a"),
        ([*predict, "--model-sha256", "nowhere"], "nowhere cannot be read"),
        ([*predict, "--output", ""], "option --output: a name is expected"),
        ([*predict, "--input", ""], "option --input: a name is expected"),
        ([*predict, "--output", f"{tmp_path}/x.csv"], "x.csv is not a folder"),
        ([*predict, "--output", f"{tmp_path}/caf\udce9"], "is not UTF-8"),
        ([*predict, "--output", f"{tmp_path}", "--overwrite"], "holds x.csv, which no"),
        ([*embed, "--summary", f"{tmp_path}/no/s.json"], "option --summary: cannot be"),
        ([*embed, "--summary", f"{tmp_path}"], "option --summary: cannot be written"),
        ([*predict, "stray.csv"], "unexpected argument. Received: 'stray.csv'"),
        ([*predict, "--input", "no.csv"], "no.csv"),
        ([*predict, "--input", f"{tmp_path}/*.tsv"], f"matches {tmp_path}/*.tsv"),
        ([*predict, "--input", "https://x/a"], "Nothing is read from the web"),
        ([*predict, "--text-column", "txt"], "x.csv has no column `txt`"),
        ([*embed, "--elmo", "no/"], "Received: no/, which does not exist"),
        ([*embed, "--elmo", str(tmp_path)], "must hold exactly one *options*.json"),
        ([*embed, "--split-only", "--tokenizer", "characters"], "exclude each other"),
        (["score", "--model", "no", "fine"], "there is no folder no (hint: "),
        (["rollback", "--output", "no"], "Directory 'no' does not exist"),
        (["pretrain", "--corpus", "no", *output], "at least one text file. Received:"),
        # Last, as looking for the lock of an output loads ml_metadata.
        ([*run, "--data", "no.csv"], "No file matches"),
        ([*run, "--label-column", "x"], "x.csv has no column `x`"),
        ([*run, "--set", "data.schema_path=no"], "option data.schema_path: there is"),
        ([*run, "--elmo", str(tmp_path)], "must hold exactly one *options*.json"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", _ANSWER],
        input="\n".join(json.dumps(arguments) for arguments, _ in cases),
        capture_output=True,
        text=True,
        cwd=repository,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for (arguments, words), answer in zip(cases, answers, strict=True):
        code, text, large = answer
        assert words in text, arguments
        assert large == (["ml_metadata"] if arguments[0] == "run" else []), arguments
        is_help = "--help" in arguments
        assert code == (0 if is_help else 2), text
        assert is_help or (text.startswith("error: ") and text.count("\n") == 1)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.fixture
def request_of(tmp_path, monkeypatch):
    """Returns the `Request` that a command line makes."""
    (tmp_path / "x.csv").write_text("id,text,sentence\n1,good,old\n")
    requests = []

    def stop(request, *_):
        requests.append(request)
        raise UserError("stop")

    monkeypatch.setattr("pipeline.commands.batch._run", stop)

    def request_of(format, *given):
        @click.command()
        @batch_options
        def embed(**arguments):
            sizes = {"chunk_rows": 1, "chunk_chars": 1}
            run_batch(arguments, format=format, make_scorer=lambda: None, **sizes)

        options = ["--input", f"{tmp_path}/x.csv", "--output", f"{tmp_path}/out"]
        CliRunner().invoke(embed, [*options, *given])
        [request] = requests
        return request

    return request_of


@pytest.mark.parametrize(("key", "kept"), [(None, ()), ("id", ("id",))])
def test_hdf5_carries_no_column_but_the_key(request_of, key, kept):
    assert request_of("hdf5", *(["--key", key] if key else [])).keep == kept


def test_a_column_that_is_named_twice_is_kept_once(request_of):
    options = ("--keep", "sentence,id, sentence", "--key", "id")
    assert request_of("jsonl", *options).keep == ("sentence", "id")


@pytest.mark.parametrize("is_still_full", [True, False])
def test_a_full_disk_is_named(tmp_path, monkeypatch, is_still_full):
    (tmp_path / "x.csv").write_text("id,text\n1,good\n")
    (tmp_path / "temporary").mkdir()

    def run_job(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a write names no file

    def disk_usage(path):
        is_full = is_still_full and "temporary" in str(path)
        return SimpleNamespace(free=0 if is_full else 2**40)

    @click.command()
    @batch_options
    def embed(**arguments):
        sizes = {"chunk_rows": 1, "chunk_chars": 1}
        run_batch(arguments, format="jsonl", make_scorer=_scorer, **sizes)

    monkeypatch.setattr("pipeline.batch.run_job.run_job", run_job)
    monkeypatch.setattr("shutil.disk_usage", disk_usage)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    output = tmp_path / "new" / "out"
    data = f"{tmp_path}/x.csv"
    done = CliRunner().invoke(embed, ["--input", data, "--output", f"{output}"])
    place = tmp_path / "temporary" if is_still_full else output.parent
    assert f"No space left on device (hint: make room in {place})\n" in done.output


def test_local_data_is_looked_at_once_and_what_is_odd_is_logged(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("id,text\n1,good\n")
    seen = []

    def look(data, options):
        logging.getLogger("a reader").warning("odd")
        seen.append(data)
        return first_look(data, options)

    def run_job(request, scorer, output, *, previews, **_):
        seen.append(list(previews[data].columns))
        raise ValueError("stop")

    @click.command()
    @batch_options
    def embed(**arguments):
        sizes = {"chunk_rows": 1, "chunk_chars": 1}
        run_batch(arguments, format="jsonl", make_scorer=_scorer, **sizes)

    monkeypatch.setattr("pipeline.commands.batch.first_look", look)
    monkeypatch.setattr("pipeline.batch.run_job.run_job", run_job)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = f"{tmp_path}/x.csv"
    done = CliRunner().invoke(embed, ["--input", data, "--output", f"{tmp_path}/out"])
    assert seen == [data, ["id", "text"]], done.output
    [log] = tmp_path.glob("*.log")
    assert "WARNING a reader: odd" in log.read_text()
    assert f"log: {log}" in done.output and "running" not in log.name


def test_the_log_of_a_job_that_was_killed_goes_with_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True)
    dead = tmp_path / f"elmo-tfx-a.{ended.stdout.strip()}.running.log"
    others = [
        tmp_path / f"elmo-tfx-a.{os.getpid()}.running.log",
        tmp_path / "elmo-tfx-a.log",
    ]
    for path in (dead, *others):
        path.touch()
    log = batch._new_log()
    assert not dead.exists() and all(path.exists() for path in (log, *others))


def test_what_a_killed_job_left_goes_though_the_next_one_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("id,text\n1,good\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jsonl").touch()
    left = tmp_path / "out.unfinished" / f"dead-{'a' * 32}"
    left.mkdir(parents=True)
    (left / "old.jsonl").touch()

    @click.command()
    @batch_options
    def embed(**arguments):
        sizes = {"chunk_rows": 1, "chunk_chars": 1}
        run_batch(arguments, format="jsonl", make_scorer=_scorer, **sizes)

    arguments = ["--input", f"{tmp_path}/x.csv", "--output", f"{tmp_path}/out"]
    done = CliRunner().invoke(embed, arguments)
    assert done.exit_code == 2, done.output
    assert "exists" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.csv"]


@pytest.mark.parametrize(
    ("text", "suggest", "hints"),
    [
        ("这部电影很好，我很喜欢。", True, ["hint: --tokenizer characters"]),
        ("这部电影很好，我很喜欢。", False, []),
        ("a good film", True, []),
    ],
)
def test_texts_without_blanks_get_another_tokenizer_suggested(
    tmp_path, monkeypatch, text, suggest, hints
):
    (tmp_path / "x.csv").write_text(f"id,text\n1,{text}\n", encoding="utf-8")

    @click.command()
    @batch_options
    def embed(**arguments):
        sizes = {"chunk_rows": 1, "chunk_chars": 1, "suggest": suggest}
        run_batch(arguments, format="jsonl", make_scorer=_scorer, **sizes)

    def run_job(*_, **__):
        raise UserError("stop")

    monkeypatch.setattr("pipeline.batch.run_job.run_job", run_job)
    arguments = ["--input", f"{tmp_path}/x.csv", "--output", f"{tmp_path}/out"]
    lines = CliRunner().invoke(embed, arguments).output.split("\n")
    assert [line for line in lines if line.startswith("hint:")] == hints


def _summary(rejected, **changes):
    counts = {
        "rows_in": 1000,
        "rows_out": 1000 - rejected,
        "reasons": {"no_text": rejected},
        "layouts": {"csv, UTF-8, `,`, header": 1},
        "replaced_utf8": 0,
        "replaced_nul": 0,
        "renamed_columns": {},
        "values_as_null": {},
        "values_as_text": {},
        "problems": [],
        "tallies": {},
        "output_files": [],
    }
    return JobSummary({}, 1, {**counts, **changes}, "/out", 1.0, 1000.0)


@pytest.mark.parametrize(
    ("text", "rejected"),
    [("10", 10), ("1%", 10), ("0", 0), ("100%", 1000), ("0.5%", 5)],
)
def test_so_many_are_allowed_and_not_one_more(text, rejected):
    allowance = Allowance.parse(text, "--max-rejected")
    allowance.check_rejected(_summary(rejected))
    allowance.check_replaced(_summary(0, replaced_utf8=rejected))
    if rejected < 1000:
        with pytest.raises(RunError, match=f"{rejected + 1:,} of 1,000 rows were"):
            allowance.check_rejected(_summary(rejected + 1))
        with pytest.raises(RunError, match=f"{rejected + 1:,} of 1,000 rows have"):
            allowance.check_replaced(_summary(0, replaced_utf8=rejected + 1))


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "1.5", "101%", "one", "1 %", str(2**63)),
        pytest.param("9" * 5000, id="long"),
        pytest.param("9" * 5000 + "%", id="long share"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(UserError, match="a share such as 1%"):
        Allowance.parse(text, "--max-rejected")


def test_the_reasons_that_are_named_and_the_others_are_all_that_was_rejected():
    reasons = {"no_text": 5, "no_key": 3, "too_long": 2, "bad_json": 1, "not_text": 1}
    summary = _summary(12, reasons=reasons)
    with pytest.raises(RunError, match="no_text 5, no_key 3, too_long 2, others 2"):
        Allowance.parse("0", "").check_rejected(summary)


def test_a_job_beyond_both_limits_says_both_at_once():
    zero = Allowance.parse("0", "")
    checks = zero.check_rejected, zero.check_replaced
    batch._check_all(_summary(0), *checks)
    with pytest.raises(RunError) as raised:
        batch._check_all(_summary(2, replaced_utf8=3), *checks)
    first, second = raised.value.format_message().splitlines()
    assert first.endswith("or allow so many with --max-rejected 2)")
    assert second.endswith("or allow so many with --max-replaced 3)")


def test_headers_that_come_once_more_are_no_rows_of_data():
    allowance = Allowance.parse("0", "")
    allowance.check_rejected(_summary(9, reasons={"repeated_header": 9}))
    summary = _summary(10, reasons={"repeated_header": 9, "no_text": 1})
    with pytest.raises(RunError, match=r"1 of 991 rows were rejected \(no_text 1\)"):
        allowance.check_rejected(summary)


def test_rows_with_too_many_columns_are_cured_by_keep():
    for reason, said in (("too_many_columns", True), ("no_text", False)):
        with pytest.raises(RunError) as refused:
            Allowance.parse("0", "").check_rejected(_summary(1, reasons={reason: 1}))
        assert ("--keep" in str(refused.value.message)) == said


def test_of_many_names_some_are_shown():
    names = ["a" * 10_000, "b", "c", "d", "e", "f"]
    shown = batch._some(names)
    assert len(shown) < 1000 and shown.endswith("…, b, c, d, e, ...")
    assert batch._some(["a\n", "b"]) == "a\\n, b"


def test_a_damaged_file_is_never_allowed():
    summary = _summary(1, problems=["x.gz is damaged", "y.gz too"])
    with pytest.raises(RunError, match="x.gz is damaged .and 1 more files"):
        Allowance.parse("100%", "").check_rejected(summary)


def test_the_text_column_can_be_given_several_times():
    @click.command()
    @batch_options
    def command(**arguments):
        options = _request(arguments, "jsonl", 1, 1).options
        click.echo(options.text_columns)

    def run(*names):
        columns = [f"--text-column={name}" for name in names]
        return CliRunner().invoke(command, ["--input=a", "--output=b", *columns]).output

    assert run() == "('text',)\n"
    assert run("title", "body") == "('title', 'body')\n"


@pytest.mark.parametrize("command", [predict.command, embed.command])
def test_a_hint_names_options_that_the_command_has(command):
    flags = {flag for option in command.params for flag in option.opts}
    assert {typed.split()[0] for typed in TYPED.values()} <= flags


@pytest.mark.parametrize("layer", ["3", "12", "x", "-1", "9" * 9])
def test_a_layer_is_named_by_its_number_however_many_there_are(monkeypatch, layer):
    monkeypatch.setattr(embed, "run_batch", lambda *_, **options: None)
    arguments = ["--input", "a.csv", "--output", "out", "--layer", layer]
    done = CliRunner().invoke(embed.command, arguments)
    assert done.exit_code == (0 if layer in ("3", "12") else 2)


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ([], 1),
        (["--tokenizer", "characters"], 5),
        (["--layer", "all"], 3),
        (["--tokenizer", "characters", "--layer", "all"], 15),
        (["--tokenizer", "characters", "--layer", "0"], 5),
    ],
)
def test_the_more_vectors_a_text_has_the_fewer_texts_are_held(
    monkeypatch, options, share
):
    asked = []
    monkeypatch.setattr(embed, "run_batch", lambda *_, **sizes: asked.append(sizes))
    required = ["--input", "a.csv", "--output", "out"]
    done = CliRunner().invoke(embed.command, [*required, *options])
    assert done.exit_code == 0
    assert asked[0]["chunk_chars"] == 2**18 // share
