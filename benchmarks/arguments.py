"""Types of arguments of the command line."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Reads a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive int. Received: {text}")
    return int(text)
