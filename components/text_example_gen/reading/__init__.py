"""How files become records: one module a format."""
