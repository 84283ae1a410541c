"""A review of labels, from the records of a run to the table that a person corrects."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2

from components.text_example_gen.corrections import read_corrections, row_id
from pipeline import features
from pipeline.cli import main
from pipeline.errors import RunError, UserError
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.store import open_store
from pipeline.output_folder import OutputFolder
from pipeline.review import review as review_module
from pipeline.review.review import ReviewedRun, last_reviewable, review
from pipeline.review.rows import find_rows, read_rows, tokenise
from pipeline.review.similar import similar_texts
from pipeline.review.table import refuse_filled
from pipeline.training.transform_graph import TransformGraph
from tests.pipeline.tiny_training import (
    MODEL,
    TRAIN,
    write_examples,
    write_transformed,
)

# The first word tells the label, but for one row; one text stands twice.
ROWS = [
    (
        f"{('good', 'bad')[i % 2]} film number {i} of the long series",
        ("pos", "neg")[i % 2],
    )
    for i in range(40)
]
ROWS[10] = (ROWS[10][0], "neg")
ROWS.append((ROWS[0][0].upper(), "pos"))
ROWS.append(("=HYPERLINK(1)", "-x"))


@pytest.fixture
def make_review(tmp_path, small_elmo, transformed_data, monkeypatch):
    """Reviews rows as if the head knew which word tells the label."""

    def judge(data, folds, **_):
        first = data.words[data.word_ids[data.starts[:-1]]]
        is_good = np.array([word.lower() == b"good" for word in first], np.float32)
        good = 0.05 + 0.9 * is_good
        return np.stack([1 - good, good], axis=1)  # of neg and pos

    monkeypatch.setattr(review_module, "out_of_fold", judge)

    def make(rows=ROWS, name="review.csv", first=100, **how):
        uri = write_examples(tmp_path / f"examples {name}", rows, **how)
        options = {"elmo": {}, "model": MODEL, "train": TRAIN, "elmo_version": "1"}
        run = ReviewedRun("run", [uri], str(transformed_data), options)
        path = tmp_path / name
        done = review(run, OutputFolder(tmp_path), path, folds=3, first=first)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return done, list(csv.DictReader(file))

    return make


def test_the_table_names_the_wrong_label_where_it_stands_and_what_it_should_be(
    make_review, tmp_path
):
    done, [line] = make_review()
    assert (done.texts, done.suspected, done.alone) == (40, 1, ["-x"])
    assert line == {
        "rank": "1",
        "text": ROWS[10][0],
        "label": "neg",
        "suggested_label": "pos",
        "corrected_label": "",
        "label_probability": "0.0500",
        "suggested_probability": "0.9500",
        "similar": line["similar"],
        "source": "a.csv",
        "row": "12",
        "rows": "1",
        "split": "train",
        "row_id": row_id(ROWS[10][0]),
    }
    assert not list((tmp_path / "resume").iterdir())
    assert (tmp_path / "review.csv").read_bytes().startswith(b"\xef\xbb\xbfrank,")


def test_rows_are_found_by_their_tokens_and_label_in_what_was_trained_on(
    tmp_path, transformed_data
):
    twice = (f"  {ROWS[3][0]}  ", ROWS[3][1])  # the same tokens
    rows = [*ROWS[:20], twice, *ROWS[20:]]
    uri = write_examples(tmp_path / "examples", rows)
    graph = TransformGraph(str(transformed_data))
    classes = sorted({label for _, label in rows})
    every = tokenise(read_rows([uri]), str(transformed_data), classes)
    keys = every.keys().tolist()
    wanted = {(keys[n], ROWS[n][1]) for n in (3, 5)}
    in_test, other_label = (keys[39], rows[40][1]), (keys[7], "pos")
    found = find_rows([uri], graph, wanted | {in_test, other_label})
    assert set(found) == wanted
    row = found[keys[3], "neg"]
    assert (row.text, row.split, row.source) == (ROWS[3][0], "train", "a.csv")
    assert (row.position, row.rows) == (5, 2)


def test_the_limits_between_lengths_are_those_of_the_graph(transformed_data):
    limits = TransformGraph(str(transformed_data)).length_limits()
    # The training texts have 1, 4, 7 or 10 tokens.
    assert list(limits) == list(features.LENGTH_BUCKETS)
    assert limits["short"][0] == 0 and limits["long"][1] is None
    for before, after in zip(limits.values(), [*limits.values()][1:], strict=False):
        assert before[1] + 1 == after[0]
    records = tf.data.TFRecordDataset(
        tf.io.gfile.glob(f"{transformed_data}/train/*"), "GZIP"
    )
    for record in records.as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        [count] = feature[features.N_TOKENS].int64_list.value
        [name] = feature[features.LENGTH_BUCKET].bytes_list.value
        least, most = limits[name.decode()]
        assert least <= count <= (count if most is None else most)


def test_texts_of_many_tokens_have_limits_as_well(tmp_path):
    counts = [0] * 4 + [2] * 8 + [2000] * 12 + [20_000] * 12
    rows = [("a " * count, ("pos", "neg")[n % 2]) for n, count in enumerate(counts)]
    write_transformed(tmp_path / "graph", {"train": rows})
    limits = TransformGraph(str(tmp_path / "graph")).length_limits()
    assert limits == {
        "short": (0, 1999),
        "medium": (2000, 19_999),
        "long": (20_000, None),
    }


def test_examples_of_an_earlier_version_have_no_place(make_review):
    _, [line] = make_review(positions=False)
    assert (line["source"], line["row"]) == ("", "")


def test_what_a_person_filled_is_a_table_of_corrections_and_not_written_over(
    make_review, tmp_path
):
    make_review()
    path = tmp_path / "review.csv"
    refuse_filled(path)  # nothing is filled yet
    text = path.read_text("utf-8-sig").replace(",neg,pos,,", ",neg,pos,pos,")
    path.write_text(text, "utf-8")
    found = read_corrections(str(path))
    assert list(found.labels.values()) == ["pos"]
    with pytest.raises(UserError, match="1 corrected labels in it .hint: .* --to"):
        refuse_filled(path)
    (tmp_path / "note.txt").write_text("my notes")
    with pytest.raises(UserError, match="no table that this command wrote"):
        refuse_filled(tmp_path / "note.txt")


def test_a_table_that_is_a_link_is_written_where_it_leads(make_review, tmp_path):
    (tmp_path / "review.csv").symlink_to("shared.csv")
    make_review()
    assert (tmp_path / "review.csv").is_symlink()
    assert (tmp_path / "shared.csv").is_file()


def test_corrections_of_before_stay_in_the_next_table(make_review, tmp_path):
    make_review()
    path = tmp_path / "review.csv"
    text = path.read_text("utf-8-sig").replace(",neg,pos,,", ",neg,pos,pos,")
    path.write_text(text, "utf-8")
    corrected = [*ROWS]
    corrected[10] = (ROWS[10][0], "pos")
    counts = {"corrections": {"path": str(path)}}
    _, lines = make_review(corrected, "second.csv", counts=counts)
    [line] = lines
    assert (line["rank"], line["label"], line["corrected_label"]) == ("", "neg", "pos")
    assert read_corrections(str(tmp_path / "second.csv")).labels == (
        read_corrections(str(path)).labels
    )
    # And where the model doubts a correction, the line names the label of the data.
    corrected[11] = (ROWS[11][0], "pos")
    path.write_text(text + f",,neg,,pos,,,,,,,,{row_id(ROWS[11][0])}\r\n", "utf-8")
    _, [doubted, carried] = make_review(corrected, "third.csv", counts=counts)
    assert (doubted["rank"], doubted["label"]) == ("1", "neg")
    assert (doubted["corrected_label"], doubted["suggested_label"]) == ("pos", "neg")
    assert carried["corrected_label"] == "pos"
    # A table in the output moves with it.
    path.rename(tmp_path / "moved.csv")
    for seen_from_examples in ("../moved.csv", "../../moved.csv", "../none.csv"):
        counts["corrections"]["from_examples"] = seen_from_examples
        if seen_from_examples == "../moved.csv":
            _, [_, carried] = make_review(corrected, "fourth.csv", counts=counts)
            assert carried["corrected_label"] == "pos"
            continue
        shutil.copy(tmp_path / "moved.csv", tmp_path.parent)
        with pytest.raises(UserError, match="cannot be read again"):
            name = f"{len(seen_from_examples)}.csv"
            make_review(corrected, name, counts=counts)


def test_too_few_labels_and_lost_examples_get_a_line(make_review, tmp_path):
    with pytest.raises(UserError, match="two labels with at least two texts.*'neg' 21"):
        make_review([row for row in ROWS if row[1] != "pos"])
    with pytest.raises(RunError, match="examples of the run are gone"):
        review(
            ReviewedRun("run", [str(tmp_path / "gone")], "", {}),
            OutputFolder(tmp_path),
            tmp_path / "x.csv",
            folds=3,
            first=1,
        )


DAMAGED = {
    "cut": lambda content: content[: len(content) // 2],
    "no gzip": lambda content: b"noise" * 20,
    "other records": lambda content: _records(b"\xff\xff\xff"),
    "records without a text": lambda content: _records(b""),
}


def _records(*records):
    with tempfile.NamedTemporaryFile() as file:
        with tf.io.TFRecordWriter(file.name, "GZIP") as writer:
            for record in records:
                writer.write(record)
        return Path(file.name).read_bytes()


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damaged_examples_get_a_line(tmp_path, damage):
    split = tmp_path / "Split-eval"
    split.mkdir()
    row = {features.TEXT: b"x" * 500, features.LABEL: b"a"}
    example = tf.train.Example()
    for name, value in row.items():
        example.features.feature[name].bytes_list.value.append(value)
    content = _records(*[example.SerializeToString()] * 20)
    (split / "data.gz").write_bytes(content)
    [read] = read_rows([str(tmp_path)])
    assert (read.label, read.rows) == ("a", 20)
    (split / "data.gz").write_bytes(damage(content))
    with pytest.raises(RunError, match="damaged: /.*/Split-eval cannot be read\nhint"):
        read_rows([str(tmp_path)])


DAMAGED_GRAPHS = {
    "cut": ("transform_fn/saved_model.pb", lambda content: content[:500]),
    "another name": (
        "transform_fn/saved_model.pb",
        lambda content: content.replace(b"bincount/Size", b"bincount/SizE", 1),
    ),
    "cut variables": (
        "transform_fn/variables/variables.data-00000-of-00001",
        lambda content: content[:-50],
    ),
    "other schema": ("metadata/schema.pbtxt", lambda content: b"f" + content),
    "no text": (
        "metadata/schema.pbtxt",
        lambda content: content.replace(b'"text"', b'"other"'),
    ),
}


@pytest.mark.parametrize(
    ("name", "damage"), DAMAGED_GRAPHS.values(), ids=DAMAGED_GRAPHS
)
def test_a_damaged_transform_graph_gets_a_line(
    transformed_data, tmp_path, name, damage
):
    folder = tmp_path / "graph"
    shutil.copytree(transformed_data, folder)
    content = (folder / name).read_bytes()
    assert damage(content) != content
    (folder / name).write_bytes(damage(content))
    with pytest.raises(RunError, match="damaged: /.*/graph cannot be used .*\nhint"):
        TransformGraph(str(folder)).tokens(["a film"])


def test_a_typing_error_makes_a_similar_text_and_another_sentence_does_not():
    texts = [
        "The plot is thin, but the actors save this film.",
        "The plot is thin, but the actors safe this film!",
        "The plot is thin, but the actors save the film.",
        "The music is loud, and nobody saves the evening.",
    ]
    labels = np.array([0, 1, 0, 1])
    assert similar_texts(texts, labels, [0]) == {0: [1]}
    assert similar_texts(texts, labels, [3]) == {}
    assert similar_texts(texts, labels, []) == {}


def _record(store, run_id: str, *, multi_label: bool, state: int) -> None:
    """Records TextExampleGen, Transform and Trainer of a run as TFX does."""
    contexts = {}
    for kind, name in (("pipeline", "elmo_tfx"), ("pipeline_run", run_id)):
        type_id = store.put_context_type(metadata_store_pb2.ContextType(name=kind))
        context = store.get_context_by_type_and_name(kind, name)
        if context is None:
            new = metadata_store_pb2.Context(type_id=type_id, name=name)
            [context_id] = store.put_contexts([new])
        else:
            context_id = context.id
        contexts[kind] = context_id
    configs = {
        "TextExampleGen": ("examples", {}),
        "Transform": ("transform_graph", {"multi_label": multi_label}),
        "Trainer": ("model", {"model": {"pooling": "mean"}}),
    }
    for node, (key, config) in configs.items():
        type_id = store.put_execution_type(
            metadata_store_pb2.ExecutionType(name=f"{node} {run_id}")
        )
        execution = metadata_store_pb2.Execution(
            type_id=type_id,
            last_known_state=state
            if node == "Transform"
            else metadata_store_pb2.Execution.COMPLETE,
        )
        execution.custom_properties["custom_config"].string_value = json.dumps(config)
        [execution_id] = store.put_executions([execution])
        type_id = store.put_artifact_type(metadata_store_pb2.ArtifactType(name=key))
        [artifact_id] = store.put_artifacts(
            [metadata_store_pb2.Artifact(type_id=type_id, uri=f"/{run_id}/{key}")]
        )
        event = metadata_store_pb2.Event(
            execution_id=execution_id,
            artifact_id=artifact_id,
            type=metadata_store_pb2.Event.OUTPUT,
        )
        event.path.steps.add().key = key
        store.put_events([event])
        type_id = store.put_context_type(metadata_store_pb2.ContextType(name="node"))
        node_name = f"elmo_tfx.{node}"
        node_context = store.get_context_by_type_and_name("node", node_name)
        node_id = (
            node_context.id
            if node_context
            else store.put_contexts(
                [metadata_store_pb2.Context(type_id=type_id, name=node_name)]
            )[0]
        )
        store.put_attributions_and_associations(
            [],
            [
                metadata_store_pb2.Association(
                    execution_id=execution_id, context_id=context_id
                )
                for context_id in (*contexts.values(), node_id)
            ],
        )


def test_the_last_run_with_a_transform_graph_is_reviewed(tmp_path):
    store = open_store(tmp_path / "metadata.sqlite")
    states = metadata_store_pb2.Execution
    metadata = Metadata(store, "elmo_tfx")
    with pytest.raises(UserError, match="no run of this output"):
        last_reviewable(metadata)
    _record(store, "first", multi_label=False, state=states.COMPLETE)
    _record(store, "second", multi_label=False, state=states.FAILED)
    run = last_reviewable(metadata)
    assert dataclasses.astuple(run) == (
        "first",
        ["/first/examples"],
        "/first/transform_graph",
        {"model": {"pooling": "mean"}},
    )
    _record(store, "third", multi_label=True, state=states.CACHED)
    with pytest.raises(UserError, match="one label each"):
        last_reviewable(metadata)


def test_a_folder_without_runs_gets_one_line_and_stays_as_it_is(tmp_path):
    result = CliRunner().invoke(main, ["review", "--output", str(tmp_path)])
    assert result.exit_code == 2
    assert "no run has written into" in result.output
    assert not list(tmp_path.iterdir())


def test_an_output_that_was_renamed_to_a_wildcard_is_refused_as_a_run_refuses_it(
    tmp_path,
):
    output = tmp_path / "out [1]"
    output.mkdir()
    result = CliRunner().invoke(main, ["review", "--output", str(output)])
    assert result.exit_code == 2
    assert "a folder with *, ?, [ or \\ in its path" in result.output
    assert "hint: rename it" in result.output
