"""A node that measures how far the newest span lies from those before it."""
