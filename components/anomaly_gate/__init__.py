"""A node that stops the run on data which does not fit the schema."""
