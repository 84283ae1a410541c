"""ELMo on strings: keras_elmo beside simple_elmo and allennlp, on one machine."""
