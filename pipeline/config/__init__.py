"""The configuration of a run: its options, how it is loaded, and its checks.

`checked` is not handed on: it reads data, which not everyone does.
"""

from pipeline.config.config import Config, ConfigError, load_config, option_names
from pipeline.config.data import DataConfig
from pipeline.config.sections import (
    ElmoConfig,
    EvaluationConfig,
    ModelConfig,
    TrainConfig,
)

__all__ = [
    "Config",
    "ConfigError",
    "DataConfig",
    "ElmoConfig",
    "EvaluationConfig",
    "ModelConfig",
    "TrainConfig",
    "load_config",
    "option_names",
]
