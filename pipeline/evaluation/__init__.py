"""What a model is measured by, and what it must reach."""
