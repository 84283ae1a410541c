"""The names of what TextExampleGen writes, for the nodes that read its examples."""

from __future__ import annotations

# The features of an example; both bytes, one value. Labels are strings from here on:
# an integer label is its decimal digits.
TEXT = "text"
LABEL = "label"

FEATURES = (TEXT, LABEL)

# A column that is kept has a feature of its name, and one more with this before it, by
# which the evaluation is sliced: the value, if it is one of the most frequent.
SLICE_PREFIX = "slice:"

TRAIN = "train"
EVAL = "eval"
TEST = "test"
SPLITS = (TRAIN, EVAL, TEST)

# In the folder of the examples, beside the splits.
COUNTS_FILE = "counts.json"
"""What became of all rows, in the form of `counts.Counts`."""
REJECTED_FOLDER = "rejected"
"""The rows that could not be used, in the form of `records.Reject`."""
