"""Names that pass between the nodes of the pipeline: features, splits, signatures.

Raw means: as TextExampleGen writes it into tf.Examples. Transformed means: as
`pipeline.preprocessing` hands it to the Trainer and the Evaluator.
"""

from __future__ import annotations

from components.text_example_gen import examples

# Raw features, both bytes, one value per example; LABEL has one for each label.
TEXT, LABEL = examples.TEXT, examples.LABEL
ROW_SOURCE, ROW_POSITION = examples.ROW_SOURCE, examples.ROW_POSITION
SLICES = examples.SLICES  # bytes, any number of values; only with data.keep_columns
TRAIN, EVAL, TEST = SPLITS = examples.SPLITS

# Transformed features.
TOKENS = "tokens"  # string, sparse, at most max_tokens real tokens per example
LABEL_ID = "label_id"  # int64 scalar: place in the label vocabulary; or sparse: places
N_TOKENS = "n_tokens"  # int64 scalar: tokens before the cut
LENGTH_BUCKET = "length_bucket"  # string scalar: one of LENGTH_BUCKETS

TRANSFORMED = (TOKENS, LABEL_ID, N_TOKENS, LENGTH_BUCKET)

# Thirds of the training texts by length, shortest first.
LENGTH_BUCKETS = ("short", "medium", "long")

# Signatures of the exported model; `pipeline.training.export` says what they do.
SERVE_EXAMPLES = "serving_default"
SERVE_TEXTS = "predict_text"
EXPLAIN_TEXTS = "explain_text"
TRANSFORM_FEATURES = "transform_features"
PROBABILITIES = "probabilities"  # output of the first three
CHOSEN = "chosen"  # the same, where a text may have several labels
UNSURE = "unsure"  # the same, bool (batch,), only with evaluation.precision
WEIGHTS = "weights"  # of EXPLAIN_TEXTS, beside TOKENS

# Asset that tf.Transform writes: one label a line, most frequent first. With two
# classes, class 1 is therefore the rarer one.
LABEL_VOCABULARY = "labels"
