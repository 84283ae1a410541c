"""In which numbers ELMo computes: float32, or bfloat16 where the processor has it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

FLOAT32, BFLOAT16, AUTO = "float32", "bfloat16", "auto"

_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}


def has_bfloat16() -> bool:
    """Returns whether products in bfloat16 are an instruction of this processor."""
    return bool(_CPU_FLAGS & set(cpu_info().get("flags", "").split()))


def chosen(precision: str) -> str:
    """Returns a precision, with what is faster on this processor in place of `auto`."""
    if precision != AUTO:
        return precision
    return BFLOAT16 if has_bfloat16() else FLOAT32


def compute_in(precision: str) -> None:
    """Makes graphs that are loaded or traced from now on multiply in some numbers.

    Of bfloat16 only the factors of a product are; sums and what is stored stay float32.
    It holds for all of this process.

    Source: TensorFlow's optimizer `auto_mixed_precision_onednn_bfloat16`. Without the
    instruction the results are the same, and it is slow.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options(
        {"auto_mixed_precision_onednn_bfloat16": precision == BFLOAT16}
    )


def machine() -> str:
    """Returns what multiplies here: the processor, and GPUs that TensorFlow sees."""
    import tensorflow as tf

    name = cpu_info().get("model name") or platform.processor() or platform.machine()
    gpus = [
        str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return ", ".join([f"{name} ({os.cpu_count()} cores)", *gpus])


def cpu_info() -> dict[str, str]:
    """Returns what Linux says of the first processor; nothing elsewhere."""
    try:
        first = Path("/proc/cpuinfo").read_text("utf-8", "replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
