"""The pipeline from labelled text to a pushed classifier, and the ways to start it."""
