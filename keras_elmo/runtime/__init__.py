"""How the layer runs a biLM fast in TensorFlow."""
