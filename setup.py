"""Packages keras_elmo (the layer), and with extra `pipeline` the whole pipeline.

With extra `components` the TFX components work in pipelines of others.
"""

from pathlib import Path

from setuptools import find_packages, setup

_HERE = Path(__file__).parent
_README = _HERE / "README.md"

# Lower bounds are the TFX 1.16 stack and upper bounds the TFX 1.21 stack, the two
# that requirements/ pins and the tests run on; the layer alone trusts minor versions.
_LAYER = [
    "tensorflow>=2.16.2,<3",
    "keras>=3.12,<4",
    "h5py>=3.10,<4",
    "numpy>=1.26,<3",
]
# What the four components of components/ need in a TFX pipeline of your own.
_COMPONENTS = [
    "tfx>=1.16,<1.22",
    "tensorflow-data-validation>=1.16,<1.22",
    "tfx-bsl>=1.16,<1.22",
    "apache-beam>=2.74,<3",
    "charset-normalizer>=3.4,<4",
    "dill>=0.3",  # TFX 1.16 imports it undeclared.
    "pyarrow>=10,<19",
]
_PIPELINE = [
    *_COMPONENTS,
    "tensorflow-transform>=1.16,<1.22",
    "tensorflow-model-analysis>=0.47,<0.53",
    "click>=8,<9",
    "croniter>=6,<8",
    "filelock>=3.12",
    "jinja2>=3.1,<4",
    "keras-tuner>=1.4.7,<2",
    "matplotlib>=3.8,<4",
    "pandas>=1.5,<4",
    "pydantic>=2.7,<3",
    "pyyaml>=6,<7",
    "scikit-learn>=1.5,<2",
    "tabulate>=0.9,<1",
    "tensorboard>=2.16,<3",
    "tqdm>=4.66,<5",
    "tzlocal>=5",
]
# Every TFX release up to 1.21 pins tensorflow-hub below 0.16, yet 0.15 needs
# `tf.compat.v1.estimator`, gone since TensorFlow 2.16. So a resolver refuses the
# extras `pipeline` and `hub` together: override the pin (uv --override), or install
# a complete list of requirements/ with --no-deps, as `make env` does.
_HUB = ["tensorflow-hub>=0.16.1,<0.17"]
_KUBEFLOW = ["kfp>=2.5,<3", "kfp-kubernetes>=1,<3"]

setup(
    name="elmo-tfx",
    version="0.1.0",
    description="ELMo for Keras 3, and a TFX pipeline from labelled text to a "
    "served classifier",
    long_description=_README.read_text("utf-8") if _README.exists() else "",
    long_description_content_type="text/markdown",
    python_requires=">=3.10,<3.14",
    packages=find_packages(
        include=[
            "keras_elmo",
            "keras_elmo.*",
            "components",
            "components.*",
            "pipeline",
            "pipeline.*",
        ]
    )
    + find_packages("kubeflow"),
    # PyPI has a package named kubeflow, so ours has a name of its own.
    package_dir={"elmo_kubeflow": "kubeflow/elmo_kubeflow"},
    package_data={
        "keras_elmo": ["pretrained/*", "pretrained/*/*"],
        "pipeline.runs": ["*.jinja"],
        "pipeline.training": ["*.npz"],
        "pipeline.report": ["templates/*"],
    },
    install_requires=_LAYER,
    extras_require={
        "components": _COMPONENTS,
        "pipeline": _PIPELINE,
        "hub": _HUB,
        "kubeflow": _KUBEFLOW,
    },
    entry_points={"console_scripts": ["elmo-tfx=pipeline.cli:main"]},
    zip_safe=False,
)
