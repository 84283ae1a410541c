"""The page of a run: what came of it, to look at in a browser."""
