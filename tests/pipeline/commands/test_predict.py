"""`elmo-tfx predict` with a toy classifier, in the process of the tests."""

from __future__ import annotations

import csv
import gzip
import json

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from click.testing import CliRunner

from pipeline.batch import run_job as run_job_module
from pipeline.batch.output import BatchOutput
from pipeline.cli import main
from pipeline.commands import batch
from pipeline.serving.manifest import write_manifest

BROKEN = ["only one field", "x,a,b", ',""', 'y,"<br />"']


@pytest.fixture
def predict(toy_model, tmp_path):
    """Runs the command on 100 good rows and four broken ones, into `tmp_path/out`."""
    lines = [f"{number},a good film" for number in range(100)]
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(["id,text", *lines[:50], *BROKEN, *lines[50:], ""]))
    required = ["--input", path, "--model", toy_model, "--output", tmp_path / "out"]

    def run(*arguments):
        command = ["predict", *map(str, (*required, "--max-rejected", "4", *arguments))]
        return CliRunner().invoke(main, command)

    return run


def test_too_many_rejects_fail_after_everything_is_written(predict, tmp_path):
    done = predict("--max-rejected", "3", "--summary", tmp_path / "summary.json")
    assert done.exit_code == 1
    loading, line, error = done.output.splitlines()
    assert loading == "loading TensorFlow …"
    assert line.startswith("rows_in=104 rows_out=100 rows_rejected=4 seconds=")
    assert "4 of 104 rows were rejected" in error
    assert error.endswith("allow so many with --max-rejected 4)")
    [path] = (tmp_path / "out").glob("part-*.jsonl")
    assert path.read_text().count("\n") == 100
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    names = ["command", "model", "model_version", "precision", "input_files"]
    assert list(summary)[:5] == names and summary["precision"] == "float32"


def test_the_more_classes_a_model_has_the_fewer_rows_are_held(
    predict, tmp_path, monkeypatch
):
    asked, run_job = [], run_job_module.run_job

    def run(request, *arguments, **options):
        asked.append(request.chunk_rows)
        return run_job(request, *arguments, **options)

    monkeypatch.setattr(run_job_module, "run_job", run)
    assert predict().exit_code == 0
    usual = (tmp_path / "out").glob("part-*.jsonl")
    texts = b"".join(path.read_bytes() for path in sorted(usual))
    columns = set(json.loads(texts.splitlines()[0])) - {"id", "text"}
    monkeypatch.setattr(batch, "_ADDED_VALUES", 7 * len(columns))
    assert predict("--overwrite").exit_code == 0
    assert asked == [8192, 7]
    fewer = (tmp_path / "out").glob("part-*.jsonl")
    assert b"".join(path.read_bytes() for path in sorted(fewer)) == texts


def test_a_model_with_other_files_than_its_manifest_lists_is_refused(
    predict, toy_model, tmp_path
):
    manifest = tmp_path / "3.sha256"
    write_manifest(str(toy_model), str(manifest))
    text = manifest.read_text()
    other = tmp_path / "other.sha256"
    other.write_text(text.replace(text[:8], "00000000", 1))
    refused = predict("--model-sha256", other)
    assert refused.exit_code == 2
    assert "has changed since its manifest was made" in refused.output
    assert not (tmp_path / "out").exists()
    done = predict("--model-sha256", manifest, "--format", "parquet")
    assert done.exit_code == 0, done.output
    [path] = (tmp_path / "out").glob("*.parquet")
    assert pq.read_table(path).num_rows == 100


@pytest.mark.parametrize("format_name", ["csv", "parquet", "tfrecord", "jsonl"])
def test_the_words_that_decided_are_a_column_of_json_in_every_format(
    predict, tmp_path, format_name
):
    done = predict("--explain", "--format", format_name)
    assert done.exit_code == 0, done.output
    [path] = (tmp_path / "out").glob(f"*.{format_name}")
    if format_name == "csv":
        with path.open(newline="") as file:
            row = next(csv.DictReader(file))["words"]
    elif format_name == "parquet":
        row = pq.read_table(path)["words"][0].as_py()
    elif format_name == "tfrecord":
        record = next(iter(tf.data.TFRecordDataset(str(path)))).numpy()
        features = tf.train.Example.FromString(record).features.feature
        [row] = features["words"].bytes_list.value
    else:
        row = json.dumps(json.loads(path.read_text().splitlines()[0])["words"])
    assert json.loads(row) == [["good", 1.5], ["a", -0.3], ["film", -0.1]]


def test_an_interrupt_in_the_clean_up_says_that_the_output_is_there(
    predict, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(BatchOutput, "abandon", interrupted)
    done = predict()
    assert done.exit_code == 130
    said = f"error: interrupted; the output is complete: {tmp_path / 'out'}"
    assert done.output.splitlines()[-1] == said
    assert (tmp_path / "out" / "summary.json").exists()


def test_a_column_to_keep_that_does_not_exist_is_refused(predict):
    done = predict("--keep", "idd")
    assert done.exit_code == 2
    assert "has no column `idd`" in done.output
    assert "did you mean `id`?" in done.output


def test_an_existing_output_needs_overwrite(predict, tmp_path):
    assert predict("--key", "id", "--max-rejected", "5").exit_code == 0
    refused = predict()
    assert refused.exit_code == 2
    [line] = refused.output.splitlines()  # before any library is loaded
    assert line.startswith("error: ") and "--overwrite" in line
    assert predict("--overwrite").exit_code == 0


def test_an_output_that_cannot_be_created_is_refused(predict, tmp_path):
    (tmp_path / "file").touch()
    refused = predict("--output", tmp_path / "file" / "out")
    assert refused.exit_code == 2
    assert "option --output: cannot be written" in refused.output


def test_a_column_of_a_name_that_the_output_has_is_told_in_plain_words(
    toy_model, tmp_path
):
    path = tmp_path / "scored.csv"
    path.write_text("text,predicted_label\na good film,good\n")
    command = ["predict", "--input", path, "--model", toy_model]
    command += ["--output", tmp_path / "out"]
    done = CliRunner().invoke(main, list(map(str, command)))
    assert done.exit_code == 2
    [_, line] = done.output.splitlines()
    assert line.startswith("error: the input has a column `predicted_label`")
    assert "goes on" not in line
    assert not (tmp_path / "out.unfinished").exists()


def test_new_names_of_repeated_columns_are_told(predict, tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("text,note,note\na good film,1,2\n")
    done = predict("--input", path, "--format", "csv")
    assert done.exit_code == 0
    assert "columns that could not keep their names are called note_2" in done.output
    [path] = (tmp_path / "out").glob("*.csv")
    assert path.read_text().startswith("id,text,note,note_2,")


def test_a_summary_that_can_no_longer_be_written_is_told_in_one_line(predict, tmp_path):
    done = predict("--summary", "/dev/full")
    assert done.exit_code == 1
    error = done.output.splitlines()[1]
    assert error.startswith("error: option --summary: cannot be written: /dev/full: No")
    path = tmp_path / "out" / "summary.json"
    assert json.loads(path.read_text())["rows_in"] == 104


def test_a_job_overwrites_its_own_output_with_a_summary_in_it(predict, tmp_path):
    for options in ((), ("--overwrite",)):
        done = predict("--summary", tmp_path / "out" / "mine.json", *options)
        assert done.exit_code == 0, done.output
    (tmp_path / "out" / "mine.json").write_text("{}")
    done = predict("--overwrite")
    assert done.exit_code == 2
    assert "holds mine.json, which no earlier job has written" in done.output


def test_an_output_among_the_input_can_be_repeated_and_is_not_read(
    predict, toy_model, tmp_path
):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "texts.csv").rename(folder / "texts.csv")
    given = ["--input", folder, "--model", toy_model, "--output", folder / "scored"]
    command = ["predict", *map(str, given), "--max-rejected", "4"]
    left = folder / "scored.unfinished" / ("0" * 16) / "chunks"
    left.mkdir(parents=True)
    (left / "00000-00000.jsonl.gz").write_bytes(gzip.compress(b"{}"))
    assert CliRunner().invoke(main, command).exit_code == 0
    again = CliRunner().invoke(main, [*command, "--overwrite"])
    assert again.exit_code == 2
    assert "lies in the output, which is to be replaced" in again.output


def test_a_name_of_a_column_that_is_not_utf8_is_refused(predict):
    for option in ("--columns", "--keep", "--key", "--text-column"):
        done = predict(option, "caf\udce9")
        assert done.exit_code == 2, done.output
        assert "names of columns must be UTF-8. Received: 'caf?'" in done.output
    assert "must name an encoding" in predict("--encoding", "\udcff").output


def test_the_output_that_a_link_leads_to_is_replaced(predict, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "far")
    for options in ((), ("--overwrite",)):
        done = predict(*options)
        assert done.exit_code == 0, done.output
        assert (tmp_path / "out").is_symlink()
        assert json.loads((tmp_path / "far/summary.json").read_text())["rows_in"] == 104
    assert not list(tmp_path.glob("*.unfinished*"))


def test_the_summary_can_be_read_through_a_link(predict, tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "summary.json")
    done = predict("--summary", tmp_path / "link.json")
    assert done.exit_code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "summary.json").read_text())["rows_in"] == 104
