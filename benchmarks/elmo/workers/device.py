"""What TensorFlow runs on."""

from __future__ import annotations

import tensorflow as tf


def device() -> str:
    """Names the GPU that TensorFlow uses, else CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
