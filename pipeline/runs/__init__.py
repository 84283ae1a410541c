"""A run on this machine or a cluster, from its plan to its summary."""
