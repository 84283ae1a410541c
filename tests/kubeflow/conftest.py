"""A Kubeflow Pipelines server, a package for it, and the command line before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmo_kubeflow.server.client import HOST_VARIABLE
from elmo_kubeflow.server.credentials import VARIABLES


@pytest.fixture
def no_context(monkeypatch, tmp_path) -> None:
    """Nothing of who runs the tests: no variables, no files of kfp or kubectl."""
    import kfp

    for variable in (HOST_VARIABLE, *VARIABLES.values()):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("KF_PIPELINES_UI_ENDPOINT", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    # kfp makes a path of the home folder when it is imported.
    context = str(tmp_path / "kfp" / "context.json")
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", context)


@pytest.fixture
def server(no_context):
    """A server without users."""
    from tests.kubeflow.kfp_server import serving

    with serving() as started:
        yield started


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> Path:
    """A compiled pipeline."""
    from tests.kubeflow.kfp_package import write_package

    return write_package(tmp_path_factory.mktemp("package") / "pipeline.yaml")
