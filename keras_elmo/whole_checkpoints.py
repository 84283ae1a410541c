"""Layers whose `tf.train.Checkpoint` holds all of their variables."""

from __future__ import annotations

from typing import Any

import keras


class WholeInCheckpoints(keras.layers.Layer):
    """A layer that TensorFlow's checkpoints hold whole.

    Keras tells `tf.train.Checkpoint` nothing of what a layer keeps in lists. Only
    TensorFlow asks for it: on other backends nothing of this is used.
    """

    def _trackable_children(
        self, save_type: str = "checkpoint", **kwargs: Any
    ) -> dict[str, Any]:
        """Returns what TensorFlow saves; of checkpoints, every variable."""
        children = dict(super()._trackable_children(save_type, **kwargs))
        if save_type == "checkpoint":
            # What stands for known words comes last: the others keep the numbers that
            # they had before there was such a thing.
            variables = sorted(self.variables, key=lambda each: each.dtype == "int64")
            for number, variable in enumerate(variables):
                children[f"variable_{number}"] = variable.value
        return children
