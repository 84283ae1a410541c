"""Whether the words that are named decided: texts without them, classified anew."""
