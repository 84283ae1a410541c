"""The codes that say why a row or a file was rejected; outputs hold them: keep them."""

from __future__ import annotations

# A row is at fault.
NO_TEXT = "no_text"  # the text is missing, empty or nothing but white space
NO_LABEL = "no_label"
BAD_LABEL = "bad_label"  # an object, a text, or what is not a label in a list
SEVERAL_LABELS = "several_labels"  # where a row may have one
TOO_FEW_FIELDS = "too_few_fields"
TOO_MANY_FIELDS = "too_many_fields"
TOO_LONG = "too_long"  # more than records.MAX_RECORD_CHARS, or MAX_RECORD_VALUES
BAD_QUOTES = "bad_quotes"  # a quote that opens a field and never closes it properly
BAD_JSON = "bad_json"  # not JSON, or not an object
REPEATED_HEADER = "repeated_header"  # as in files that were put one behind another
NOT_TEXT = "not_text"  # NUL characters, or a value that is not a string
BAD_SPLIT = "bad_split"  # the column of splits says neither train, eval nor test
BAD_GROUP = "bad_group"  # a list, an object
LABEL_OUTSIDE_TRAINING = "label_outside_training"
# A label or a key has U+FFFD for what could not be decoded: it may have been any of
# several that must not become one.
LOSSY_LABEL = "lossy_label"
LOSSY_KEY = "lossy_key"
NO_KEY = "no_key"
TOO_MANY_COLUMNS = "too_many_columns"  # of a batch job, by names that rows bring along
MODEL_FAILED = "model_failed"  # on this row alone

# A file is at fault; the reject then has position 0. NOT_TEXT can be this, and TOO_LONG
# where the next row cannot be read alone.
MISSING_COLUMN = "missing_column"
DAMAGED_FILE = "damaged_file"  # cut short, or its compression is broken
NOT_A_FILE = "not_a_file"  # a pipe, a socket, a device
UNKNOWN_FORMAT = "unknown_format"
