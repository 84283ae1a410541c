"""The exported model, used where nothing of ours is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_serving.apis import prediction_log_pb2

from pipeline.training.export import SERVING_REQUESTS, _Classifier
from pipeline.training.model import TokenClassifier, build_encoder, build_head
from tests.keras_elmo.hub_form import write_hub_module
from tests.keras_elmo.test_many_langs import MODELS
from tests.pipeline.tiny_training import CLASSES, MODEL, example

TEXTS = ["A good film, it is.", "", "so bad that I left <br /> early", "bad " * 50]

# Run in a process of its own, in which none of these can be imported.
_FRESH_PROCESS = """
import json, sys
for name in ("keras_elmo", "pipeline", "components", "tfx", "tensorflow_transform"):
    sys.modules[name] = None
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["explain_text"](tf.constant(json.loads(sys.argv[2])))
print(json.dumps([answer[name].numpy().tolist() for name in sys.argv[3:]]))
"""


@pytest.fixture(scope="module")
def model_dir(trained):
    return trained.folder / "model"


@pytest.fixture(scope="module")
def signatures(model_dir):
    return tf.saved_model.load(str(model_dir)).signatures


def serialized(rows):
    return tf.constant([example(row).SerializeToString() for row in rows])


def test_raw_texts_get_label_probabilities_and_class_names(signatures):
    answer = signatures["predict_text"](tf.constant(TEXTS))
    probabilities = answer["probabilities"].numpy()
    assert probabilities.shape == (4, 2) and np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    names = [name.encode() for name in CLASSES]
    assert answer["classes"].numpy().tolist() == [names] * 4
    best = [names[place] for place in probabilities.argmax(axis=1)]
    assert answer["label"].numpy().tolist() == best
    # Trained on them: the one word that tells them apart must count.
    assert best[0] != best[2]


def test_it_says_which_texts_were_cut(signatures):
    # Six tokens are read; these have seven, none, six and fifty.
    answer = signatures["predict_text"](tf.constant(TEXTS))
    assert answer["is_cut"].numpy().tolist() == [True, False, False, True]


def test_the_words_that_decided_come_with_the_same_answer(signatures):
    plain = signatures["predict_text"](tf.constant(TEXTS))
    answer = signatures["explain_text"](tf.constant(TEXTS))
    assert set(answer) == {*plain, "tokens", "weights"}
    for name, value in plain.items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(answer[name], value, atol=1e-6)
        else:
            assert (answer[name].numpy() == value.numpy()).all()
    tokens, weights = answer["tokens"].numpy(), answer["weights"].numpy()
    assert tokens[0].tolist() == [b"A", b"good", b"film", b",", b"it", b"is"]
    assert weights.dtype == np.float32 and not weights[tokens == b""].any()
    # One word tells the texts it was trained on apart.
    assert tokens[0, weights[0].argmax()] == b"good"
    assert tokens[2, weights[2].argmax()] == b"bad"


@pytest.mark.parametrize("texts", [["", " "], []])
def test_texts_without_tokens_have_no_words(signatures, texts):
    answer = signatures["explain_text"](tf.constant(texts, tf.string))
    assert answer["weights"].shape == answer["tokens"].shape == (len(texts), 1)
    assert not answer["weights"].numpy().any()


def test_the_weights_do_not_depend_on_the_batch(signatures):
    together = signatures["explain_text"](tf.constant(TEXTS))["weights"].numpy()
    alone = signatures["explain_text"](tf.constant(TEXTS[2:3]))["weights"].numpy()[0]
    np.testing.assert_allclose(together[2, : len(alone)], alone, atol=1e-5)


def test_the_exported_model_reads_the_tokens_of_training(trained, signatures):
    # Six tokens are kept: so says the transform these examples went through.
    tokens = np.array([["A", "good", "film", ",", "it", "is"]])
    answer = signatures["predict_text"](tf.constant(TEXTS[:1]))["probabilities"]
    np.testing.assert_allclose(answer, trained.classifier(tokens), atol=1e-6)


def test_a_batch_of_empty_texts_gets_the_answer_of_an_empty_text(signatures):
    together = signatures["predict_text"](tf.constant(TEXTS))["probabilities"]
    empty = signatures["predict_text"](tf.constant(["", " "]))["probabilities"]
    np.testing.assert_allclose(empty, [together[1]] * 2, atol=1e-6)


def test_examples_without_a_label_get_the_same_probabilities(signatures):
    by_text = signatures["predict_text"](tf.constant(TEXTS))["probabilities"]
    by_example = signatures["serving_default"](
        serialized([{"text": text} for text in TEXTS])
    )
    assert list(by_example) == ["probabilities"]
    np.testing.assert_array_equal(by_example["probabilities"], by_text)


def test_the_answer_does_not_depend_on_the_batch(signatures):
    together = signatures["predict_text"](tf.constant(TEXTS))["probabilities"]
    alone = [
        signatures["predict_text"](tf.constant([text]))["probabilities"][0]
        for text in TEXTS
    ]
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("form", ["words", "module"])
def test_an_elmo_with_tables_or_a_graph_of_its_own_is_exported_with_them(
    tmp_path, transformed_data, small_elmo, form
):
    elmo = MODELS / "words"
    if form == "module":
        elmo = tmp_path / "module"
        write_hub_module(elmo, small_elmo, rename="of_another_name")
    encoder = build_encoder({"source": str(elmo)})
    sizes = {"num_layers": encoder.num_layers, "dim": encoder.dim}
    head = build_head({**MODEL, "ngram_rows": 0}, num_classes=2, **sizes)
    model = TokenClassifier(encoder, head)
    graph = tft.TFTransformOutput(str(transformed_data))
    module = _Classifier(graph, model, CLASSES, None, None)
    folder = str(tmp_path / "exported")
    tf.saved_model.save(module, folder, signatures=module.serve_texts)
    answer = tf.saved_model.load(folder).signatures["serving_default"]
    texts = ["the cat", "Unknown", ""]
    tokens = np.array([["the", "cat"], ["Unknown", ""], ["", ""]])
    probabilities = answer(tf.constant(texts))["probabilities"]
    np.testing.assert_allclose(probabilities, model(tokens), atol=1e-6)
    assert len(np.unique(probabilities[:, 0])) == 3


def test_a_text_is_unsure_below_the_probability_from_which_the_model_is_sure(
    trained, transformed_data
):
    tokens = np.array([["good", "", ""], ["bad", "", ""], ["film", "is", "I"]])
    highest = np.array(trained.classifier(tokens)).max(axis=1)
    bound = float(np.sort(highest)[1])  # reached by two
    module = _Classifier(
        tft.TFTransformOutput(str(transformed_data)),
        trained.classifier,
        CLASSES,
        None,
        bound - 1e-6,
    )
    texts = ["good", "bad", "film is I"]
    answer = module.serve_texts(tf.constant(texts))
    assert answer["unsure"].numpy().tolist() == (highest < bound - 1e-6).tolist()
    assert sum(answer["unsure"].numpy()) == 1
    answer = module.serve_examples(serialized([{"text": text} for text in texts]))
    assert answer["unsure"].numpy().tolist() == (highest < bound - 1e-6).tolist()


def test_where_no_precision_was_asked_for_nothing_is_said_to_be_unsure(signatures):
    assert "unsure" not in signatures["predict_text"](tf.constant(TEXTS))


def test_an_empty_batch_gets_an_empty_answer(signatures):
    answer = signatures["predict_text"](tf.constant([], tf.string))
    assert answer["probabilities"].shape == (0, 2)
    assert answer["label"].shape == (0,)


@pytest.mark.parametrize("shape", [(), (3, 1), (1, 3), (2, 0)])
@pytest.mark.parametrize(
    "name", ["predict_text", "explain_text", "serving_default", "transform_features"]
)
def test_what_is_no_batch_of_strings_is_refused_by_every_signature(
    signatures, name, shape
):
    rows = serialized([{"text": "bad", "label": "bad"}])[0]
    value = "bad film" if name.endswith("_text") else rows
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        signatures[name](tf.fill(shape, value))


def test_an_endless_text_is_cut_before_it_is_read(signatures):
    text = "A good film, it is. "
    began = time.process_time()
    answer = signatures["predict_text"](
        tf.constant([text * 500_000, text, "x" * 2**21])
    )
    assert time.process_time() - began < 4
    assert answer["is_cut"].numpy().tolist() == [True, True, True]
    probabilities = answer["probabilities"].numpy()
    np.testing.assert_allclose(probabilities[0], probabilities[1], atol=1e-6)


def test_evaluation_gets_the_transformed_label_and_length(signatures):
    labels = ["good", "new", "bad", "new"]
    rows = [
        {"text": text, "label": label}
        for text, label in zip(TEXTS, labels, strict=True)
    ]
    answer = signatures["transform_features"](serialized(rows))
    assert answer["label_id"].numpy().tolist() == [0, -1, 1, -1]
    assert answer["n_tokens"].numpy().tolist() == [7, 0, 6, 50]
    assert answer["length_bucket"].numpy().tolist()[3] == b"long"


def test_it_runs_where_only_tensorflow_is(model_dir, signatures):
    expected = signatures["explain_text"](tf.constant(TEXTS))
    names = ["probabilities", "weights"]
    command = [sys.executable, "-c", _FRESH_PROCESS, str(model_dir), json.dumps(TEXTS)]
    # From the model's folder, so that our packages are not on the path either.
    done = subprocess.run(
        [*command, *names], capture_output=True, text=True, cwd=model_dir
    )
    assert done.returncode == 0, done.stderr
    for name, values in zip(names, json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(values, expected[name], atol=1e-6)


def test_the_serving_requests_can_be_answered(model_dir, signatures):
    asked = set()
    for record in tf.data.TFRecordDataset(str(model_dir / SERVING_REQUESTS)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {
            name: tf.constant(tf.make_ndarray(proto))
            for name, proto in request.inputs.items()
        }
        signature = request.model_spec.signature_name
        probabilities = signatures[signature](**inputs)["probabilities"].numpy()
        assert np.isfinite(probabilities).all()
        asked.add((signature, len(probabilities)))
    assert asked == {
        (signature, size)
        for signature in ("predict_text", "serving_default")
        for size in (1, 4, 16)
    }
