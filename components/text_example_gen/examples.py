"""The names of what TextExampleGen writes, for the nodes that read its examples."""

from __future__ import annotations

# The features of an example; both bytes, one value, but for a row with several labels,
# whose label has a value for each, sorted. Labels are strings from here on:
# an integer label is its decimal digits.
TEXT = "text"
LABEL = "label"

# A column that is kept has a feature of its name. Where there are such columns, this
# feature has several values, `column=value` each, by which the evaluation is sliced: of
# each column, if its value is one of the most frequent. Unlike a bare value, none of
# them can be taken for a number.
SLICES = "slices"

# Where the row stands in the data: its file, bytes, and an int64 that counts as
# `records.Record` says. In no schema: people look for a row by them, models do not.
ROW_SOURCE = "row_source"
ROW_POSITION = "row_position"
FEATURES = (TEXT, LABEL, SLICES, ROW_SOURCE, ROW_POSITION)

TRAIN = "train"
EVAL = "eval"
TEST = "test"
SPLITS = (TRAIN, EVAL, TEST)

# In the folder of the examples, beside the splits.
COUNTS_FILE = "counts.json"
"""What became of all rows, in the form of `counts.Counts`."""
REJECTED_FOLDER = "rejected"
"""The rows that could not be used, in the form of `records.Reject`."""
