"""Makes files of all formats from odd values, and damages some of them.

A seed stands for one file: the same one always makes the same.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.batch.formats.table import ROW_FORMATS

_MOST_ROWS = 12
_MOST_COLUMNS = 6
_DAMAGED = 0.5  # share of the files; the others have odd values alone
_PACKED = 0.15
_PACKERS = ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress))
_NAMES = ("note", "note", "", "a.b", "a", "n", "x\0y", "\u00e4", "x" * 300, "\ud800")
_TEXTS = (
    *("good", "bad film", "", " ", "<br />", "NaN", "0.5", "9007199254740993", "1e999"),
    *('"', '""', 'a "quote"', '"open', "a,b;c\td|e", "a\nb", "a\rb", "a\r\nb", "a\0b"),
    *("\u00e4\u2028\U0001f600", "\ufeff", "\ud800", "\udcff", "a" * 70_000, "\x1a"),
)
_NUMBERS = (
    *(0, -1, 7, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30),
    *(0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), True, False, None),
)
_TOKENS = (
    *(b"\0", b"\xff", b"\xed\xa0\x80", b'"', b'""', b"\r", b"\n", b",", b"\t", b"\\"),
    *(b"\\ud800", b"{", b"}", b"[", b"[" * 700, b"]", b":", b"1e999", b"9" * 5000),
    *(b"\xef\xbb\xbf", b"PAR1", b"\x1f\x8b", b"null", b"text", b"label", b"\x7f" * 8),
)
_ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "+02:00", "Mars/Phobos", "")
_UNITS = ("s", "ms", "us", "ns")
_CODECS = ("none", "snappy", "gzip", "zstd", "brotli", "lz4")


class FuzzInput(NamedTuple):
    """A file, and what to make of it.

    Args:
        path: Of the file.
        output_format: In which a job writes its rows.
    """

    path: str
    output_format: str


def make_input(seed: int, folder: Path) -> FuzzInput:
    """Writes the file of a seed into a folder."""
    chance = random.Random(seed)
    suffix, make = chance.choice(_MAKERS)
    data = make(chance)
    is_damaged = chance.random() < _DAMAGED
    if chance.random() < _PACKED:
        extension, pack = chance.choice(_PACKERS)
        # Either what is packed is damaged, or the packing.
        inside = is_damaged and chance.random() < 0.5
        data = pack(damage(chance, data) if inside else data)
        is_damaged = is_damaged and not inside
        suffix += extension
    if is_damaged:
        data = damage(chance, data)
    parent = folder / chance.choice(("pos", "neg"))
    parent.mkdir(exist_ok=True)
    stem = b"caf\xe9" if chance.random() < 0.1 else b"file"
    path = os.path.join(os.fsencode(parent), stem + suffix.encode())
    with open(path, "wb") as file:
        file.write(data)
    return FuzzInput(os.fsdecode(path), chance.choice(ROW_FORMATS))


def damage(chance: random.Random, data: bytes) -> bytes:
    """Returns the bytes with some of them changed, added or taken away."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 1, 4, 40))
        way = chance.randrange(6)
        if way == 0 and place < len(changed):
            changed[place] ^= 1 << chance.randrange(8)
        elif way == 1 and place < len(changed):
            changed[place] = chance.randrange(256)
        elif way == 2:
            del changed[place : place + length]
        elif way == 3:
            changed[place:place] = chance.choice(_TOKENS)
        elif way == 4:
            changed[place:place] = changed[place : place + length]
        elif chance.random() < 0.2:
            del changed[place:]
    return bytes(changed)


def _columns(chance: random.Random) -> list[str]:
    names = [chance.choice(_NAMES) for _ in range(chance.randrange(_MOST_COLUMNS))]
    for name in ("text", "label"):
        if chance.random() < 0.95:
            names.insert(chance.randrange(len(names) + 1), name)
    return names


def _rows(chance: random.Random) -> range:
    return range(chance.randrange(_MOST_ROWS))


def _delimited(delimiter: str) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        text = io.StringIO(newline="")
        names = _columns(chance)
        writer = csv.writer(
            text,
            delimiter=chance.choice((delimiter, delimiter, ";")),
            lineterminator=chance.choice(("\n", "\r\n", "\r")),
            quoting=chance.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
            escapechar="\\",
        )
        writer.writerow(names)
        for _ in _rows(chance):
            width = len(names) + chance.choice((0, 0, 0, 0, 0, 1, -1))
            writer.writerow([chance.choice(_TEXTS) for _ in range(width)])
        return text.getvalue().encode("utf-8", "surrogatepass")

    return make


def _json_lines(chance: random.Random) -> bytes:
    lines = []
    names = _columns(chance)
    for _ in _rows(chance):
        pairs = []
        for name in names:
            value = _json_value(chance, 0)
            if chance.random() < 0.02:
                levels = chance.choice((90, 150, 700, 3000))
                value = "[" * levels + value + "]" * levels
            pairs.append(f"{json.dumps(name)}:{value}")
        lines.append("{" + ",".join(pairs) + "}")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _json_value(chance: random.Random, level: int) -> str:
    kind = chance.random()
    if kind < 0.5 or level > 3:
        return json.dumps(chance.choice(_TEXTS), ensure_ascii=chance.random() < 0.8)
    if kind < 0.85:
        return json.dumps(chance.choice(_NUMBERS))
    if kind < 0.86:
        return "9" * 5000
    inner = [_json_value(chance, level + 1) for _ in range(chance.randrange(4))]
    if kind < 0.93:
        return "[" + ",".join(inner) + "]"
    pairs = [f"{json.dumps(chance.choice(_NAMES))}:{each}" for each in inner]
    return "{" + ",".join(pairs) + "}"


def _parquet(chance: random.Random) -> bytes:
    rows = chance.randrange(1, _MOST_ROWS)
    names = _columns(chance) or ["text"]
    names = [name if name.isprintable() else "a" for name in names]
    arrays = [_array(chance, rows, name) for name in names]
    table = pa.Table.from_arrays(arrays, names)
    target = io.BytesIO()
    options = {
        "compression": chance.choice(_CODECS),
        "use_dictionary": chance.random() < 0.5,
        "version": chance.choice(("1.0", "2.4", "2.6")),
        "data_page_version": chance.choice(("1.0", "2.0")),
        "data_page_size": chance.choice((1, 2**20)),
        "row_group_size": chance.choice((1, 5, 1000)),
    }
    try:
        pq.write_table(table, target, **options)
    except (pa.ArrowException, OverflowError, OSError):
        # A time that the version does not have, for one; the file is then cut short.
        return target.getvalue() + b"PAR1"
    return target.getvalue()


def _array(chance: random.Random, rows: int, name: str) -> pa.Array:
    if name in ("text", "label") and chance.random() < 0.7:
        return _strings(chance, rows)
    array = chance.choice(_ARRAYS)(chance, rows)
    form = chance.randrange(8)
    if form == 0:
        cuts = sorted(chance.randrange(rows + 1) for _ in range(rows - 1))
        return pa.ListArray.from_arrays(pa.array([0, *cuts, rows], pa.int32()), array)
    if form == 1:
        return pa.StructArray.from_arrays([array, array], ["a", chance.choice("ab")])
    if form == 2:
        keys = pa.array([str(number) for number in range(rows)])
        offsets = pa.array(range(rows + 1), pa.int32())
        return pa.MapArray.from_arrays(offsets, keys, array)
    return array


def _strings(chance: random.Random, rows: int) -> pa.Array:
    values = [
        chance.choice(_TEXTS).encode("utf-8", "surrogatepass") for _ in range(rows)
    ]
    offsets = pa.py_buffer(np.cumsum([0, *map(len, values)], dtype="int32"))
    buffers = [None, offsets, pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.string(), rows, buffers)


def _integers(chance: random.Random, rows: int, bits: int) -> pa.Array:
    near = (0, 1, -1, 2**53 + 1, 2**62, chance.getrandbits(bits - 1))
    most = 2 ** (bits - 1)
    values = [
        None if chance.random() < 0.1 else chance.choice(near) % most
        for _ in range(rows)
    ]
    return pa.array(values, pa.int32() if bits == 32 else pa.int64())


def _timestamps(chance: random.Random, rows: int) -> pa.Array:
    kind = pa.timestamp(chance.choice(_UNITS), chance.choice(_ZONES))
    return _integers(chance, rows, 64).view(kind)


_ARRAYS: tuple[Callable[[random.Random, int], pa.Array], ...] = (
    _strings,
    _timestamps,
    lambda chance, rows: _integers(chance, rows, 64),
    lambda chance, rows: _integers(chance, rows, 32).view(pa.date32()),
    lambda chance, rows: _integers(chance, rows, 32).view(pa.time32("ms")),
    lambda chance, rows: _integers(chance, rows, 64).view(pa.time64("us")),
    lambda chance, rows: _integers(chance, rows, 64).view(pa.duration("us")),
    lambda chance, rows: _strings(chance, rows).cast(pa.binary()),
    lambda chance, rows: pa.array([b"\xff" * 4] * rows, pa.binary(4)),
    lambda chance, rows: pa.array([chance.random() * 10.0**300] * rows),
    lambda chance, rows: pa.array([True, *[None] * (rows - 1)]),
    lambda chance, rows: pa.array([12, *[None] * (rows - 1)], pa.decimal128(38, 9)),
    lambda chance, rows: pa.nulls(rows),
    lambda chance, rows: _integers(chance, rows, 64).dictionary_encode(),
)

_MAKERS: tuple[tuple[str, Callable[[random.Random], bytes]], ...] = (
    (".csv", _delimited(",")),
    (".tsv", _delimited("\t")),
    (".jsonl", _json_lines),
    (".jsonl", _json_lines),
    (".parquet", _parquet),
    (".parquet", _parquet),
    (".txt", _delimited("\t")),
    ("", _json_lines),
)
