"""Labels that may be wrong: which, how likely, and the table of them for a person."""
