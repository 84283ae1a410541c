"""The transform graph, run as TFX runs it and as a server runs it."""

from __future__ import annotations

import functools
import pickle
from unittest import mock

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from keras_elmo.text import TOKENIZERS
from pipeline import features
from pipeline.preprocessing import preprocessing_fn

TEXTS = [
    "\ufeffIt's go\u200bod.",
    "one two three four",
    " ",
    "a b c d e f g h i j",
    "bad",
]
LABELS = ["pos", "neg", "neg", "neg", "pos"]
SECTION = {  # of a pipeline from before there was a choice of the tokenizer
    "max_tokens": 5,
    "max_tokens_quantile": 0.8,
    "max_tokens_limit": 100,
}


# For what no other fixture has: auto, and raw features that are sparse.
SECTIONS = {
    "cut": SECTION,
    "quantile": {**SECTION, "max_tokens": "auto", "max_tokens_quantile": 0.6},
    **{name: {**SECTION, "tokenizer": name} for name in TOKENIZERS[1:]},
    "limit": {
        **SECTION,
        "max_tokens": "auto",
        "max_tokens_quantile": 1.0,
        "max_tokens_limit": 7,
    },
}


def preprocess_all(inputs):
    """Applies `preprocessing_fn` with each of SECTIONS, in one analysis."""
    outputs = {}
    for name, section in SECTIONS.items():
        with mock.patch.object(features, "LABEL_VOCABULARY", name):  # a file each
            transformed = preprocessing_fn(inputs, {"transform": section})
        outputs[name] = transformed[features.TOKENS]
    return outputs


def transform(folder, fn, feature):
    """Analyses and transforms TEXTS; returns rows and the transform graph."""
    specs = {features.TEXT: feature, features.LABEL: feature}
    schema = schema_utils.schema_from_feature_spec(specs)
    rows = [
        {features.TEXT: [text], features.LABEL: [label]}
        for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    metadata = dataset_metadata.DatasetMetadata(schema)
    runner = beam.Pipeline(runner="FnApiRunner")
    with runner as pipeline, tft_beam.Context(temp_dir=str(folder / "tmp")):
        data = pipeline | beam.Create(rows)
        (result, _), graph = (data, metadata) | tft_beam.AnalyzeAndTransformDataset(fn)
        _ = graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        _ = (
            result
            | beam.Map(pickle.dumps)
            | beam.io.WriteToTFRecord(str(folder / "rows"), num_shards=1)
        )
    (written,) = folder.glob("rows*")
    records = tf.data.TFRecordDataset(str(written)).as_numpy_iterator()
    graph = tft.TFTransformOutput(str(folder / "graph"))
    return [pickle.loads(row) for row in records], graph


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    fn = functools.partial(preprocessing_fn, custom_config={"transform": SECTION})
    dense = tf.io.FixedLenFeature([1], tf.string)
    return transform(tmp_path_factory.mktemp("transform"), fn, dense)


@pytest.fixture(scope="module")
def transformed_from_sparse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transform_sparse")
    rows, _ = transform(folder, preprocess_all, tf.io.VarLenFeature(tf.string))
    return rows


def tokens_of(row, name=features.TOKENS):
    return [token.decode() for token in row[name]]


def test_a_text_is_tokenised_and_cut_at_its_end(transformed):
    rows, _ = transformed
    assert [tokens_of(row) for row in rows] == [
        ["It", "'s", "good", "."],
        ["one", "two", "three", "four"],
        [],
        ["a", "b", "c", "d", "e"],
        ["bad"],
    ]


@pytest.mark.parametrize(
    ("tokenizer", "tokens"),
    [
        ("whitespace", ["It's", "good."]),
        ("unicode_script", ["It", "'", "s", "good", "."]),
        ("characters", list("It'sg")),
    ],
)
def test_the_graph_cuts_by_the_tokenizer_that_is_chosen(
    transformed_from_sparse, tokenizer, tokens
):
    assert tokens_of(transformed_from_sparse[0], tokenizer) == tokens


def test_the_length_before_the_cut_is_kept(transformed):
    rows, _ = transformed
    assert [row[features.N_TOKENS] for row in rows] == [4, 4, 0, 10, 1]


def test_the_most_frequent_label_is_class_zero(transformed):
    rows, graph = transformed
    assert [row[features.LABEL_ID] for row in rows] == [1, 0, 0, 0, 1]
    vocabulary = graph.vocabulary_by_name(features.LABEL_VOCABULARY)
    assert vocabulary == [b"neg", b"pos"]


def test_the_length_bucket_names_a_third(transformed):
    rows, _ = transformed
    buckets = [row[features.LENGTH_BUCKET] for row in rows]
    assert buckets[2] == b"short"
    assert buckets[3] == b"long"


def test_auto_cuts_at_the_quantile_of_the_training_lengths(transformed_from_sparse):
    # The middle of the lengths 0, 1, 4, 4, 10 is 4, and so is their 60 % quantile.
    lengths = [len(tokens_of(row, "quantile")) for row in transformed_from_sparse]
    assert max(lengths) == 4


def test_auto_never_cuts_above_its_limit(transformed_from_sparse):
    lengths = [len(tokens_of(row, "limit")) for row in transformed_from_sparse]
    assert max(lengths) == 7


def test_sparse_raw_features_give_the_same_tokens(transformed_from_sparse, transformed):
    rows, _ = transformed
    assert [tokens_of(row, "cut") for row in transformed_from_sparse] == [
        tokens_of(row) for row in rows
    ]


def test_the_saved_graph_takes_an_unknown_label_and_broken_text(transformed):
    _, graph = transformed
    layer = graph.transform_features_layer()
    answer = layer(
        {
            features.TEXT: tf.constant([[b"caf\xc3\xa9 \xff no"]]),
            features.LABEL: tf.constant([[b"unheard of"]]),
        }
    )
    assert answer[features.LABEL_ID].numpy().tolist() == [-1]
    tokens = [token.decode() for token in answer[features.TOKENS].values.numpy()]
    assert tokens == ["café", "\ufffd", "no"]
