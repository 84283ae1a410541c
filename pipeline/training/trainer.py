"""The Trainer's entry point: from transformed examples to an exported classifier."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from keras_elmo import ElmoEmbeddingLayer
from pipeline import features
from pipeline.files import remove
from pipeline.precision import FLOAT32
from pipeline.training.calibration import (
    calibrate,
    needs_left_out,
    with_temperature,
)
from pipeline.training.data import (
    LabelledTokens,
    read_labelled_tokens,
    refuse_unknown,
)
from pipeline.training.embedding_store import EmbeddingStore
from pipeline.training.encoding import open_store
from pipeline.training.epochs import (
    ActivationInputs,
    ModelInputs,
    TokenInputs,
    train_epochs,
)
from pipeline.training.explaining import strongest_words
from pipeline.training.export import export_classifier
from pipeline.training.history import write_history
from pipeline.training.label_doubts import Doubts, doubted_labels
from pipeline.training.learning import (
    compile_model,
    label_counts,
    weights_of,
    with_epochs,
)
from pipeline.training.left_out import LeftOut, NoLoss, least_loss
from pipeline.training.model import (
    TokenClassifier,
    build_encoder,
    build_head,
    ngrams_of,
    start_at_shares,
    trained_form,
)
from pipeline.training.ngrams import TextNgrams
from pipeline.training.saved_weights import ModelFacts
from pipeline.training.state import remove_abandoned, remove_search
from pipeline.training.tuned_options import tuned
from pipeline.training.warm_start import WarmStart, save_weights, start_from

_LOGGER = logging.getLogger(__name__)
# Where and how it is done, and not what comes of it.
_PLACES = ("resume_dir", "embeddings_dir", "beam_args")
_TEXTS_TO_ENCODE = 200  # only to say which words are the strongest


def run_fn(fn_args: Any) -> None:
    """Trains the classifier, keeps its best epoch, calibrates and exports it.

    Reads from `fn_args` (TFX's FnArgs): `train_files`, `eval_files`,
    `transform_output`, `serving_model_dir`, `model_run_dir`, `base_model` (folder of
    the SavedModel that a warm start goes on from; None: there is none), and of
    `custom_config` the sections `elmo`, `model` and `train` of the configuration,
    `elmo_version`, `held_out`, `divided_by`, `exact_shares` and `tokenizer` (of
    `ModelFacts`), `precision` (of `calibrate`; not with several labels a text) and
    `resume_dir`: a folder of a local file system that outlives a failed execution. The
    next run with equal data, configuration and starting weights goes on there after the
    last whole epoch of an interrupted one. Without the folder nothing is resumed.
    `embeddings_dir`, of a local file system, too, is the root of the `EmbeddingStore`;
    without it, it is a temporary one. With `beam_args` a Beam job encodes its texts.
    `hyperparameters` are options that were found by a search (`tuned`); None: there was
    none.

    Writes the SavedModel, the weights for later warm starts beside it, TensorBoard
    logs (`model_run_dir/train` and `/eval`) and what `write_history` says.

    Raises:
        ValueError: A split is empty, a class has no training example, or an example
            has a label that does not occur in the training split.
        SavedWeightsError: The weights to start from are damaged.
    """
    config, search = tuned(fn_args.custom_config, fn_args.hyperparameters)
    transform = tft.TFTransformOutput(fn_args.transform_output)
    vocabulary = transform.vocabulary_by_name(features.LABEL_VOCABULARY)
    classes = [name.decode() for name in vocabulary]
    data = read_labelled_tokens(
        {features.TRAIN: fn_args.train_files, features.EVAL: fn_args.eval_files},
        transform.transformed_feature_spec(),
        classes,
    )
    counts = count_classes(data, classes)
    texts = data.splits[features.TRAIN]
    train = with_epochs(config["train"], len(texts))
    _LOGGER.info("Training on %d texts of %d classes", len(texts), len(classes))
    is_multi_label = data.is_multi_label
    weights = weights_of(data, texts, len(classes), train)
    classifier = _build_classifier(config, len(classes), is_multi_label)
    if is_multi_label:
        start_at_shares(classifier.head, counts / len(texts))
    facts = _facts_of(config, classes, is_multi_label)
    warm_start = None
    if train["warm_start"]:
        warm_start = start_from(fn_args.base_model, classifier, facts)
    with contextlib.ExitStack() as stack:
        resume_root = Path(
            config.get("resume_dir")
            or stack.enter_context(tempfile.TemporaryDirectory())
        )
        remove_abandoned(resume_root)
        resume_dir = resume_root / training_fingerprint(
            data, classes, classifier.encoder, config, warm_start
        )
        store = None
        trained = trained_form(classifier.head)
        model: keras.Model = TokenClassifier(classifier.encoder, trained)
        inputs: ModelInputs = TokenInputs(data)
        if not facts.elmo_trainable:
            store = open_store(
                config.get("embeddings_dir")
                or stack.enter_context(tempfile.TemporaryDirectory()),
                data,
                classifier.encoder,
                elmo_version=config["elmo_version"],
                cache_gib=train["cache_gib"],
                precision=config["elmo"].get("precision", FLOAT32),
                beam_args=config.get("beam_args"),
            )
            stack.callback(store.close)
            model = trained
            inputs = ActivationInputs(store, data)
        left_out = _left_out(config, data, len(classes), store, warm_start)
        if left_out is not None:
            train = {**train, "epochs": left_out.epochs}
        compile_model(
            model,
            train,
            texts=len(texts),
            multi_label=is_multi_label,
            slow=classifier.encoder.trainable_variables,
            slow_rate=config["elmo"].get("learning_rate"),
        )
        state = train_epochs(
            model,
            data,
            inputs,
            class_weights=weights,
            options=train,
            resume_dir=resume_dir,
            log_dir=fn_args.model_run_dir,
            seconds_before=store.facts.encode_seconds if store else 0.0,
        )
        ngrams, ngram_layer = TextNgrams(data), ngrams_of(classifier.head)
        if ngram_layer is not None:
            started = time.monotonic()
            ngram_layer.fit(ngrams, data.labels, texts, weights)
            _LOGGER.info("Weights of n-grams: %.2f s", time.monotonic() - started)
        found = calibrate(
            classifier.head if store else classifier,
            data,
            inputs,
            ngrams,
            batch_size=train["batch_size"],
            precision=config.get("precision"),
            left_out=left_out.parts if left_out else None,
        )
        if ngram_layer is not None and found.ngram_weight is not None:
            ngram_layer.scale(found.ngram_weight)
        head = with_temperature(classifier.head, found.temperature)
        words = _words(classifier, data, classes, store)
        doubts = None if is_multi_label else _doubts(data, len(classes), store)
        export_classifier(
            fn_args.serving_model_dir,
            transform,
            TokenClassifier(classifier.encoder, head),
            classes,
            found.thresholds,
            found.certain.threshold if found.certain else None,
        )
        save_weights(fn_args.serving_model_dir, classifier, facts)
        write_history(
            fn_args.model_run_dir,
            state,
            train,
            class_counts=dict(zip(classes, counts.tolist(), strict=True)),
            class_weights=dict(zip(classes, weights.tolist(), strict=True)),
            calibration=found,
            words=words,
            doubts=doubts,
            store=store.facts if store else None,
            warm_start=warm_start,
            search=search,
            pretrained_branch=facts.pretrained_branch,
            word_vectors=getattr(ngram_layer, "text_vectors", None) is not None,
        )
        # Not before: until here a new run would need them.
        if search is not None:
            remove_search(resume_root, search.get("folder", ""))
        remove(resume_dir)


def _build_classifier(
    config: Mapping[str, Any], num_classes: int, multi_label: bool = False
) -> TokenClassifier:
    encoder = build_encoder(config["elmo"])
    # After the encoder, whose making draws random numbers too: the head then starts
    # the same with every encoder.
    keras.utils.set_random_seed(config["train"]["seed"])
    head = build_head(
        config["model"],
        num_classes=num_classes,
        num_layers=encoder.num_layers,
        dim=encoder.dim,
        multi_label=multi_label,
    )
    return TokenClassifier(encoder, head)


def _facts_of(
    config: Mapping[str, Any], classes: list[str], multi_label: bool = False
) -> ModelFacts:
    return ModelFacts(
        classes=classes,
        pooling=config["model"]["pooling"],
        hidden_units=config["model"]["hidden_units"],
        ngram_rows=config["model"]["ngram_rows"],
        pretrained_branch=config["model"]["pretrained_branch"],
        elmo_version=config["elmo_version"],
        elmo_trainable=config["elmo"].get("trainable", False),
        held_out=config["held_out"],
        divided_by=config.get("divided_by", ""),
        exact_shares=config.get("exact_shares", False),
        multi_label=multi_label,
        tokenizer=config.get("tokenizer", "elmo"),
    )


def count_classes(data: LabelledTokens, classes: Sequence[str]) -> np.ndarray:
    """Returns the training examples of each class, int64 `(classes,)`, all above 0.

    An example with several labels counts for each.
    """
    if len(classes) < 2:
        raise ValueError(
            f"labels must have at least 2 classes. Received: {', '.join(classes)}"
        )
    if not data.is_multi_label:  # there, unknown ones were refused as they were read
        for split, texts in data.splits.items():
            of_split = data.labels[texts]
            is_unknown = (of_split < 0) | (of_split >= len(classes))
            refuse_unknown(split, int(is_unknown.sum()), classes)
    counts = label_counts(data, data.splits[features.TRAIN], len(classes))
    missing = [name for name, n in zip(classes, counts, strict=True) if not n]
    if missing:
        raise ValueError(
            "every class must have a training example. Received: none of "
            f"{', '.join(missing)}\nhint: add rows of these classes"
        )
    return counts


def training_fingerprint(
    data: LabelledTokens,
    classes: Sequence[str],
    encoder: ElmoEmbeddingLayer,
    config: Mapping[str, Any],
    warm_start: WarmStart | None = None,
) -> str:
    """Returns a name that changes with all that decides what training does."""
    digest = hashlib.sha256(data.fingerprint().encode())
    options = {name: config[name] for name in config if name not in _PLACES}
    options["train"] = {**config["train"], "encode_with_beam": None}
    facts = [list(classes), options, warm_start and warm_start.digest]
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for weight in encoder.weights:
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()[:16]


def _left_out(
    config: Mapping[str, Any],
    data: LabelledTokens,
    num_classes: int,
    store: EmbeddingStore | None,
    warm_start: WarmStart | None,
) -> LeftOut | None:
    """Returns what heads make of texts left out, if texts are few and it can be had.

    A head that begins from earlier weights is not like one that begins fresh.
    """
    is_warm = warm_start is not None and warm_start.source is not None
    if store is None or is_warm or not needs_left_out(data):
        return None
    started = time.monotonic()
    try:
        found = least_loss(config, data, store, num_classes=num_classes)
    except NoLoss:
        _LOGGER.warning("Heads of fewer texts say nothing: the eval split decides")
        return None
    _LOGGER.info("Heads of left-out texts: %.2f s", time.monotonic() - started)
    return found


def _words(
    classifier: TokenClassifier,
    data: LabelledTokens,
    classes: Sequence[str],
    store: EmbeddingStore | None,
) -> dict[str, list[dict[str, Any]]]:
    """Returns the `strongest_words`, and says in the log how long that took."""
    started = time.monotonic()
    if store:
        words = strongest_words(classifier.head, data, store.read, classes)
    else:
        spec = [tf.TensorSpec((None, None), tf.string)]
        encode = tf.function(classifier.encode, input_signature=spec, autograph=False)
        words = strongest_words(
            classifier.head,
            data,
            lambda texts: encode(tf.constant(data.tokens(texts), tf.string)),
            classes,
            max_texts=_TEXTS_TO_ENCODE,
        )
    _LOGGER.info("Strongest words: %.2f s", time.monotonic() - started)
    return words


def _doubts(
    data: LabelledTokens, num_classes: int, store: EmbeddingStore | None
) -> Doubts:
    """Returns the `doubted_labels`, and says in the log how long that took."""
    started = time.monotonic()
    vectors_of = None
    # Texts that are not stored would have to be encoded once more.
    if store and store.facts.cached_examples == store.facts.examples:
        vectors_of = store.means
    doubts = doubted_labels(data, num_classes, vectors_of)
    _LOGGER.info("Labels that may be wrong: %.2f s", time.monotonic() - started)
    return doubts
