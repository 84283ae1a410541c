"""Texts prepared for training: word ids on disk, their counts and spellings.

`prepare` writes them, `Corpus` reads them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from keras_elmo import characters, files
from keras_elmo.pretraining.sentences import read_paragraphs, split_sentences

BOUNDARY = 0  # stands before each sentence and after the last one
END_TARGET = 1
UNKNOWN = 2
FIRST_TYPE = 3
SPECIAL = ("<S>", "</S>", "<UNK>")
# What corpus.json holds, by example.
_FACTS = {
    "sources": [{"name": "a.txt", "bytes": 0, "lines": 0, "tokens": 0}],
    "types": 0,
    "tokens": {"train": 0, "held_out": 0},
    "sentences": {"train": 0, "held_out": 0},
    "held_out_every": 0,
}
_PARAGRAPHS_AT_ONCE = 1024
_IDS_AT_ONCE = 1 << 22
_MOST_ODD = 0.01  # of the lines of a text: more are no accident
_LOG = logging.getLogger(__name__)


class Corpus:
    """What `prepare` wrote.

    The ids are one stream, `<S> w w w <S> w w <S>`: a boundary is read as `<S>` by
    the forward model and as `</S>` by the backward model. Words are numbered by
    falling frequency, so the first `vocabulary_size` ids are the vocabulary; those
    past it are read by their spelling and predicted as `<UNK>`.

    Args:
        folder: Of the prepared corpus.

    Attributes:
        train: int32 `(ids,)`, memory-mapped.
        held_out: int32 `(ids,)`, memory-mapped.
        words: str for every id.
        counts: int64 `(types,)`, occurrences.
        facts: Sources, tokens and sentences.

    Errors: `ValueError` if a file is not as `prepare` wrote it.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.facts = read_facts(folder)
        self.words, self.counts = self._read_types(folder / "types.txt")
        self.train, self.held_out = (
            self._read_ids(folder, name) for name in ("train", "held_out")
        )

    def _read_types(self, path: Path) -> tuple[list[str], np.ndarray]:
        words, counts = [], []
        with _reading(path), path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                count, tab, word = line.rstrip("\n").partition("\t")
                if not tab or not count.isdecimal():
                    raise ValueError(f"line {number} is no count and word")
                words.append(word)
                counts.append(int(count))
            if (
                tuple(words[:FIRST_TYPE]) != SPECIAL
                or len(words) != self.facts["types"]
            ):
                raise ValueError(f"it has not the {self.facts['types']} words it had")
            return words, np.array(counts, np.int64)

    def _read_ids(self, folder: Path, name: str) -> np.ndarray:
        path = folder / f"{name}.bin"
        expected = self.facts["tokens"][name] + self.facts["sentences"][name] + 1
        with _reading(path):
            ids = np.memmap(path, np.int32, "r")
            if len(ids) != expected or ids[0] != BOUNDARY or ids[-1] != BOUNDARY:
                raise ValueError(f"it has not the {expected} ids it had")
            if ids.min() < 0 or ids.max() >= len(self.words):
                raise ValueError("it has ids of words that types.txt has not")
        return ids

    def vocabulary_size(self, *, min_count: int, max_size: int) -> int:
        """Returns how many of the first ids are predicted as themselves."""
        frequent = int((self.counts[FIRST_TYPE:] >= min_count).sum())
        return min(FIRST_TYPE + frequent, max_size)

    def target_counts(self, vocabulary_size: int) -> np.ndarray:
        """Returns how often each word is predicted, float64, a mean of both directions.

        A boundary is `</S>` to the forward and `<S>` to the backward model.
        """
        counts = self.counts[:vocabulary_size].astype(np.float64)
        counts[[BOUNDARY, END_TARGET]] = counts[BOUNDARY] / 2
        counts[UNKNOWN] += self.counts[vocabulary_size:].sum()
        return counts

    def lower_case(self) -> tuple[np.ndarray, list[str]]:
        """Returns the id of each word in lower case, and the words that this adds.

        Returns:
            int32 `(types,)`; ids past the last type are those of the added words,
            which the texts hold only with capitals.
        """
        numbers = {word: number for number, word in enumerate(self.words)}
        table = [*range(FIRST_TYPE)]
        for word in self.words[FIRST_TYPE:]:
            table.append(numbers.setdefault(word.lower(), len(numbers)))
        return np.array(table, np.int32), list(numbers)[len(self.words) :]

    def spellings(self, max_chars: int, added: Sequence[str] = ()) -> np.ndarray:
        """Spells every id, then the words `added`, as the token encoder reads them.

        Returns:
            int16 `(types + added, max_chars)`.
        """
        words = [*self.words, *added]
        rows = np.empty((len(words), max_chars), np.int16)
        step = 1 << 16
        for start in range(0, len(words), step):
            part = words[start : start + step]
            rows[start : start + step] = characters.spell_tokens(part, max_chars)
        return rows


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Says which file is not as `prepare` wrote it, and what can be done."""
    try:
        yield
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"Cannot read the prepared texts {path}: {files.one_line(error)}\n"
            f"hint: delete {path.parent}, and have the texts prepared anew"
        ) from error


def read_facts(folder: Path) -> dict[str, Any]:
    """Returns what `prepare` wrote of the texts: sources, words, tokens, sentences.

    Raises:
        ValueError: If it is not as `prepare` wrote it.
    """
    path = folder / "corpus.json"
    with _reading(path):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not fits(facts, _FACTS):
            raise ValueError(f"it must have the form {_FACTS}")
    return facts


def fits(value: Any, form: Any) -> bool:
    """Whether a value from JSON has at least what is in `form`, of the same types."""
    if isinstance(form, dict):
        return isinstance(value, dict) and all(
            name in value and fits(value[name], item) for name, item in form.items()
        )
    if isinstance(form, list):
        return isinstance(value, list) and all(fits(item, form[0]) for item in value)
    if isinstance(form, int):
        return type(value) is int and 0 <= value < 1 << 62
    return isinstance(value, type(form))


def prepare(
    paths: Iterable[Path],
    folder: Path,
    *,
    held_out_every: int = 100,
    max_types: int = 1_000_000,
) -> None:
    """Splits, tokenises and counts texts, and writes them as ids.

    Needs TensorFlow, whose string ops are the pipeline's tokeniser. Memory holds
    the distinct words and a thousand lines, whatever the size of the texts.

    Args:
        paths: Text files; a line is a paragraph.
        folder: Where to write; see `Corpus`, which reads it. It appears when it
            is complete.
        held_out_every: Each line with this number and its multiples is held out.
        max_types: Distinct words kept; those first seen after that are `<UNK>`.

    Raises:
        ValueError: If there is too little text to hold some out, or one is not UTF-8.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    types = _Types(max_types)
    sources = []
    with contextlib.ExitStack() as stack:
        streams = {
            name: _Stream(stack.enter_context(open(partial / f"{name}.raw", "wb")))
            for name in ("train", "held_out")
        }
        for path in paths:
            lines = odd = 0
            before = sum(stream.tokens for stream in streams.values())
            paragraphs = read_paragraphs(path)
            while chunk := list(islice(paragraphs, _PARAGRAPHS_AT_ONCE)):
                first = -(lines + 1) % held_out_every  # of those held out
                lines += len(chunk)
                odd += sum("\ufffd" in line or "\0" in line for line in chunk)
                streams["held_out"].write(chunk[first::held_out_every], types)
                del chunk[first::held_out_every]
                streams["train"].write(chunk, types)
            _check_encoding(path, odd, lines)
            tokens = sum(stream.tokens for stream in streams.values()) - before
            sources.append({**describe(path), "lines": lines, "tokens": tokens})
            _LOG.info("Read %s: %d lines, %d tokens", path.name, lines, tokens)
    _check_tokens(streams, held_out_every)
    order = types.write(partial / "types.txt")
    for name in streams:
        _renumber(partial / f"{name}.raw", partial / f"{name}.bin", order)
    facts = {
        "sources": sources,
        "types": len(order),
        "tokens": {name: stream.tokens for name, stream in streams.items()},
        "sentences": {name: stream.sentences for name, stream in streams.items()},
        "held_out_every": held_out_every,
    }
    (partial / "corpus.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    os.replace(partial, folder)


def _check_encoding(path: Path, odd: int, lines: int) -> None:
    """Refuses a file of another encoding, and says where some bytes are broken."""
    if odd > _MOST_ODD * lines:
        raise ValueError(
            f"The text {path} is not UTF-8: {odd:,} of {lines:,} lines have bytes that "
            "cannot be decoded, or NUL\nhint: iconv -f latin1 -t utf-8, with utf-16 or "
            "whichever encoding it has in place of latin1"
        )
    if odd:
        _LOG.warning("%s: in %d lines U+FFFD stands for broken bytes", path.name, odd)


def describe(path: Path) -> dict[str, Any]:
    """Returns what tells one version of a text from another: name and bytes."""
    return {"name": path.name, "bytes": path.stat().st_size}


class _Types:
    """Numbers words as they come, and counts them."""

    def __init__(self, max_types: int) -> None:
        self.max_types = max_types
        self.numbers: dict[bytes, int] = {}
        self.counts = array("q", [0] * FIRST_TYPE)

    def ids(self, tokens: list[bytes]) -> array[int]:
        ids = array("i", [BOUNDARY])
        for token in tokens:
            number = self.numbers.get(token)
            if number is None:
                number = UNKNOWN
                if len(self.numbers) < self.max_types:
                    number = self.numbers[token] = len(self.counts)
                    self.counts.append(0)
            ids.append(number)
        for number in ids:
            self.counts[number] += 1
        return ids

    def write(self, path: Path) -> np.ndarray:
        """Writes counts and words by falling count; returns the numbers so ordered."""
        counts = np.frombuffer(self.counts, np.int64)
        order = np.argsort(-counts, kind="stable")
        order = np.concatenate([np.arange(FIRST_TYPE), order[order >= FIRST_TYPE]])
        words = [*SPECIAL, *(word.decode("utf-8") for word in self.numbers)]
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{counts[i]}\t{words[i]}\n" for i in order)
        return order


class _Stream:
    """A file of raw ids, fed with paragraphs."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.tokens = 0
        self.sentences = 0

    def write(self, paragraphs: list[str], types: _Types) -> None:
        sentences = [part for line in paragraphs for part in split_sentences(line)]
        for tokens in _tokenize(sentences):
            types.ids(tokens).tofile(self.file)
            self.tokens += len(tokens)
            self.sentences += 1


def _tokenize(sentences: list[str]) -> Iterator[list[bytes]]:
    import tensorflow as tf  # here, so that training itself runs without it

    from keras_elmo.text import tokenize

    ragged = tokenize(tf.constant(sentences, tf.string, shape=[len(sentences)]))
    words = ragged.values.numpy().tolist()
    splits = ragged.row_splits.numpy().tolist()
    for start, end in zip(splits, splits[1:], strict=False):
        if end > start:
            yield words[start:end]


def _check_tokens(streams: dict[str, _Stream], held_out_every: int) -> None:
    empty = [name for name, stream in streams.items() if not stream.tokens]
    if empty:
        raise ValueError(
            "The texts must hold words in lines between, and at, the multiples of "
            f"`held_out_every={held_out_every}`. Received: none for "
            f"{' and '.join(empty)}\n"
            "hint: give more text, or hold out every 10th line"
        )


def _renumber(source: Path, target: Path, order: np.ndarray) -> None:
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    with open(source, "rb") as reader, open(target, "wb") as writer:
        while len(ids := np.fromfile(reader, np.int32, _IDS_AT_ONCE)):
            writer.write(
                rank[ids].tobytes()
            )  # `tofile` does not say that a disk is full
        writer.write(np.array([BOUNDARY], np.int32).tobytes())  # ends the last sentence
    source.unlink()
