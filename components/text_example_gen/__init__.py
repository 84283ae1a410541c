"""Reads labelled texts of many formats into tf.Examples in three splits."""
