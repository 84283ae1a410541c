"""All that touches the folder of pushed models."""
