"""The Trainer: from transformed examples to an exported classifier."""
