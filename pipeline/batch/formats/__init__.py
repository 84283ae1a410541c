"""The file formats of a batch job's output."""
