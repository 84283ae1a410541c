"""What the embedded biLM learnt, as a page."""
