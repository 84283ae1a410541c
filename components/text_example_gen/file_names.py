"""What the name of a file tells: its format, or that it lies beside data."""

from __future__ import annotations

import posixpath
import re

COMPRESSED = (".gz", ".bz2", ".xz")
"""Endings of files that are unpacked as they are read."""

_BY_EXTENSION = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
# Names, without endings, of what lies beside data.
_BESIDE = re.compile(
    r"readme|licen[cs]e|copying|notice|changelog|changes|citation|authors|contributors"
    r"|contributing|credits|metadata|manifest|dataset_infos?|dataset_dict|state"
    r"|(?:md5|sha1|sha256|sha512)(?:sums?)?|checksums?|source",
    re.IGNORECASE,
)
# Endings of what lies beside texts that are files of their own.
_NO_TEXTS = (
    *("~", "desktop.ini", "thumbs.db"),
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ico"),
)
# Names of what systems, editors and other programs leave in folders.
_LEFT_BY_PROGRAMS = re.compile(
    r"\._.*|\.~.*|\.(?:git.*|DS_Store|cache|huggingface|ipynb_checkpoints|svn|hg|idea"
    r"|vscode|venv|nfs.*|Trash.*|Spotlight.*|fseventsd|TemporaryItems|env|kaggle|dvc.*"
    r"|.*\.crc|.*\.sw[op])|__.*|_(?:SUCCESS|metadata|common_metadata|temporary"
    r"|delta_log|started.*|committed.*)",
    re.IGNORECASE,
).fullmatch


def format_by_name(path: str) -> str | None:
    """Returns the format that the name of a file tells, compressed or not, or None."""
    stem, extension = posixpath.splitext(path.replace("\\", "/").lower())
    if extension in COMPRESSED:
        extension = posixpath.splitext(stem)[1]
    return _BY_EXTENSION.get(extension)


def is_data(path: str) -> bool:
    """Returns whether a file is named like data, such as `train.csv`."""
    return format_by_name(path) is not None and not is_beside_data(path)


def is_beside_data(path: str) -> bool:
    """Returns whether a name is that of a file about data, such as `LICENSE`."""
    stem, _, ending = posixpath.basename(path).partition(".")
    is_table = f".{ending}".lower().startswith((".csv", ".tsv", ".jsonl", ".parquet"))
    return _BESIDE.fullmatch(stem) is not None and not is_table


def is_beside_texts(path: str) -> bool:
    """Returns whether a name is that of no text: about data, a picture, a backup."""
    return path.lower().endswith(_NO_TEXTS) or is_beside_data(path)


def is_left_by_program(name: str) -> bool:
    """Returns whether a hidden name is one that systems, editors and the like give."""
    return _LEFT_BY_PROGRAMS(name) is not None
