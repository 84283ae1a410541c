"""The commands of `elmo-tfx`: one module each."""
