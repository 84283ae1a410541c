"""A part of a model that never learns where nothing reads it."""

from __future__ import annotations

import keras


class Part(keras.layers.Layer):
    """A layer whose `trainable` stays False once `is_read` is.

    Without it, `trainable = True` of a layer around it would let weights learn that
    have no gradient: Keras would warn in every `fit`, and a saved optimizer not fit.

    Attributes:
        is_read: Whether what it computes reaches an output.
    """

    is_read = True

    @property
    def trainable(self) -> bool:
        """Whether it learns."""
        return keras.layers.Layer.trainable.fget(self)  # type: ignore[attr-defined]

    @trainable.setter
    def trainable(self, value: bool) -> None:
        keras.layers.Layer.trainable.fset(  # type: ignore[attr-defined]
            self, value and self.is_read
        )
