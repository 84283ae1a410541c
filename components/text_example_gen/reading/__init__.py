"""How files become records: one module per format."""
