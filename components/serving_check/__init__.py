"""A node that tries the exported model in a process without this project."""
