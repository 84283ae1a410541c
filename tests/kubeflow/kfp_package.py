"""A small pipeline with the parameters of ours, as kfp compiles it.

kfp reads the annotations themselves, so they must not become text here.
"""

from pathlib import Path

from kfp import compiler, dsl

NAME = "elmo-tfx"


@dsl.container_component
def ingest(span: str, data_pattern: str):
    return dsl.ContainerSpec(image="elmo-tfx:1", command=["true"], args=[span])


@dsl.container_component
def train(training_steps: int, force: bool):
    return dsl.ContainerSpec(image="elmo-tfx:1", command=["true"])


def write_package(path: Path, *, data_pattern: str = "/data/*.csv") -> Path:
    """Compiles the pipeline into a file; the data are a default of it."""

    @dsl.pipeline(name=NAME)
    def small(
        span: str = "latest",
        data_pattern: str = data_pattern,
        training_steps: int = 0,
        force: bool = False,
    ):
        first = ingest(span=span, data_pattern=data_pattern)
        train(training_steps=training_steps, force=force).after(first)

    compiler.Compiler().compile(small, str(path))
    return path
