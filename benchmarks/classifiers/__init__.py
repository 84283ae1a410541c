"""Whole classifiers beside each other: accuracy, training, scoring, size, start-up."""
