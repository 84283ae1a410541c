"""A fingerprint of the weights behind an ELMo source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from keras_elmo import sources

_BLOCK_BYTES = 1 << 20


def elmo_version(source: str) -> str:
    """Returns 16 hex digits that change with the files of a source.

    A folder keeps its path when a model in it is trained anew; without its content
    in the Trainer's parameters, TFX would take the old classifier from its cache. A
    handle names one fixed version, so its text is enough.
    """
    digest = hashlib.sha256(source.encode())
    folder = sources.PRETRAINED if source == sources.DEFAULT else Path(source)
    if "://" not in source and folder.is_dir():
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
    return digest.hexdigest()[:16]
