"""The machine's own matrix product: the rate that a share of the peak refers to."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import tensorflow as tf

from benchmarks.elmo.workers import measure

_CPU_SIZES = (1024, 2048, 4096)
_GPU_SIZES = (4096, 8192, 16384)
_PRODUCTS = 4  # in one call, so that its overhead does not count
_SECONDS = 2.0  # of repeats for each size: another process may take the first few


def device() -> str:
    """Names the GPU that TensorFlow uses, else CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")


def gflops(dtype: str, size: int) -> float:
    """Returns the best rate of a few `(size, size)` products, 2 operations a step."""
    left, right = (
        tf.cast(tf.random.normal((size, size)), dtype) / size**0.5 for _ in range(2)
    )

    @tf.function
    def multiply(product: tf.Tensor) -> tf.Tensor:
        for _ in range(_PRODUCTS):
            product = tf.matmul(product, right)
        return product

    def seconds() -> float:
        start = time.perf_counter()
        multiply(left)[0, 0].numpy()  # read, for a GPU works behind one's back
        return time.perf_counter() - start

    seconds()  # the first call builds the graph
    end = time.perf_counter() + _SECONDS
    best = seconds()
    while time.perf_counter() < end:
        best = min(best, seconds())
    return _PRODUCTS * 2 * size**3 / best / 1e9


def main() -> None:
    """Writes the best rate over several sizes, by dtype."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    name = device()
    sizes = _CPU_SIZES if name == "CPU" else _GPU_SIZES
    best = {
        dtype: max(gflops(dtype, size) for size in sizes)
        for dtype in ("float32", "bfloat16")
    }
    measure.finish(job, {"device": name, "gflops": best})


if __name__ == "__main__":
    main()
