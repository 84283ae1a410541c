"""Headers of Parquet's pages, made by hand."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from components.text_example_gen.reading.parquet_pages import chunk_size


def page(listed: int) -> bytes:
    """A data page of one value and eight bytes, with a list of bytes in its header."""
    count = bytes([listed & 127 | 128, listed >> 7 & 127 | 128, listed >> 14])
    of_page = b"\x2c\x15\x02\x00"  # field 5: its field 1, values, is 1
    more = b"\xf9\xf3" + count + bytes(listed)  # field 20
    return b"\x15\x00\x15\x10\x15\x10" + of_page + more + b"\x00" + bytes(8)


def size_of(data: bytes):
    chunk = SimpleNamespace(
        data_page_offset=0,
        has_dictionary_page=False,
        total_compressed_size=len(data),
        num_values=1,
        path_in_schema="text",
    )
    return chunk_size(io.BytesIO(data), chunk, 10)


def test_fields_that_are_not_known_are_passed_over():
    assert size_of(page(100))[:2] == (1, 8)


def test_a_header_with_a_long_list_is_refused_before_it_is_read():
    with pytest.raises(EOFError, match="a page header has too many values"):
        size_of(page(200_000))
