"""From text files to a folder that `ElmoEmbeddingLayer` takes as its source."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from keras_elmo import files
from keras_elmo.checkpoints import save_hdf5
from keras_elmo.options import BiLMOptions
from keras_elmo.pretraining.corpus import Corpus, describe, prepare, read_facts
from keras_elmo.pretraining.model_card import write_model_card
from keras_elmo.pretraining.sentences import find_texts
from keras_elmo.pretraining.settings import SMALL, Settings
from keras_elmo.pretraining.train import Training, start_options

_LOG = logging.getLogger(__name__)


def pretrain(
    corpus: str | Iterable[str] | None,
    output: str | Path,
    *,
    settings: Settings | None,
    options: BiLMOptions | None = None,
    held_out_every: int = 100,
    corpus_note: str = "",
    licence: str = "",
    weights_dtype: str = "float32",
) -> float | None:
    """Trains a biLM on plain texts, or goes on with a training that was stopped.

    Args:
        corpus: Pattern or patterns of UTF-8 text files, plain, .gz or .xz, whose
            lines are paragraphs. None if `output` holds the prepared texts.
        output: Folder of the result: options.json, weights.hdf5, vocabulary.txt and
            README.md, a model card. Its folder `training` holds the prepared texts
            and the checkpoint and is not needed afterwards. It is new, empty, or
            that of a training, which goes on.
        settings: How to train; None to prepare the texts only.
        options: Sizes of the biLM; None for those of `settings.start`, else small
            ones.
        held_out_every: Each line of the texts with this number and its multiples
            is held out: it is evaluated on, but not trained on.
        corpus_note: What the texts are, for the model card.
        licence: Of the texts, for the model card.
        weights_dtype: `float32`, or `float16` for half the size.

    Returns:
        The perplexity on the held-out text; None if `settings` is None.

    Raises:
        FileNotFoundError: If no text is there.
        ValueError: If the texts or options are not those the training began with,
            the texts are too short for a batch, or `output` has other files.
        FloatingPointError: If the training diverges.
    """
    output = Path(output)
    files.check_training(output)
    work = output / files.TRAINING
    _prepare_once(corpus, work / "corpus", held_out_every)
    if settings is None:
        return None
    prepared = Corpus(work / "corpus")
    if options is None:
        options = start_options(settings.start) if settings.start else SMALL
    training = Training(prepared, options, settings, work)
    training.run()
    perplexity = training.evaluate()
    save_result(training, prepared, output, corpus_note, licence, weights_dtype)
    return perplexity


def save_result(
    training: Training,
    corpus: Corpus,
    output: Path,
    corpus_note: str,
    licence: str,
    weights_dtype: str,
) -> None:
    """Writes the model as it stands, its vocabulary and its card.

    Each file is replaced in one step. A link becomes a file: what it leads to, or what
    has other names as well, may belong to a copy.
    """
    made = output / files.TRAINING / "result"
    shutil.rmtree(made, ignore_errors=True)  # of one that was killed
    made.mkdir()
    training.options.to_file(made / "options.json")
    save_hdf5(training.model.bilm, made / "weights.hdf5", dtype=weights_dtype)
    words = "\n".join(corpus.words[: training.vocabulary_size]) + "\n"
    (made / "vocabulary.txt").write_text(words, encoding="utf-8", newline="\n")
    write_model_card(made / "README.md", training, corpus, corpus_note, licence)
    for file in sorted(made.iterdir()):
        os.replace(file, output / file.name)
    made.rmdir()
    _LOG.info("Wrote options.json, weights.hdf5 and the model card to %s", output)


def _prepare_once(
    corpus: str | Iterable[str] | None, folder: Path, held_out_every: int
) -> None:
    facts = folder / "corpus.json"
    if corpus is None:
        if not facts.exists():
            raise FileNotFoundError(
                "`corpus` may only be left out where `output` holds prepared texts. "
                f"Received: {folder.parent.parent} without them"
            )
        return
    paths = find_texts(corpus)
    if not facts.exists():
        prepare(paths, folder, held_out_every=held_out_every)
        return
    sources = read_facts(folder)["sources"]
    known = [{key: source[key] for key in ("name", "bytes")} for source in sources]
    if known != [describe(path) for path in paths]:
        raise ValueError(
            f"The texts are not those that {folder} was made from\n"
            "hint: give another output folder, or delete that one to begin anew"
        )
    _LOG.info("The texts are already prepared in %s", folder)
