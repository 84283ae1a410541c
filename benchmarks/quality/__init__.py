"""How good classifiers on the embedded ELMo are, beside ones without it."""
