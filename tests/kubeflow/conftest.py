"""A Kubeflow Pipelines server, a package for it, and the command line before it."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from elmo_kubeflow.server.client import HOST_VARIABLE
from elmo_kubeflow.server.credentials import VARIABLES


@pytest.fixture(scope="session", autouse=True)
def quick_kfp() -> Iterator[None]:
    """Lets kfp look at its caller alone, where it has been imported.

    To name a caller in a message it looks up all frames of the stack, several times a
    step. Those of xdist come from no file: each is sought in thousands of modules.
    """
    task = sys.modules.get("kfp.dsl.pipeline_task")
    with pytest.MonkeyPatch.context() as patched:
        if task is not None:
            patched.setattr(task, "inspect", types.SimpleNamespace(stack=_callers))
        yield


def _callers() -> list[tuple[None, None, None, str]]:
    """Returns the first two entries of the stack, with the names of their functions."""
    frame = sys._getframe(1)
    two = (frame, frame.f_back)
    return [(None, None, None, each.f_code.co_name if each else "") for each in two]


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
