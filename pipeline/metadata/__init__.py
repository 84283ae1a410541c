"""All that reads or writes ML Metadata."""
