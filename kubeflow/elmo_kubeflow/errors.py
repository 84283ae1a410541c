"""What goes wrong between the command line and Kubeflow Pipelines.

    UserError, exit code 2
    ├── BadCredentials   a token, cookie or certificate cannot be used
    └── BadPackage       a file is not a compiled pipeline, or lacks a parameter
    RunError, exit code 1
    └── KubeflowError
        ├── NotInstalled   kfp, or Vertex AI's library, is absent
        ├── Unreachable    nothing answers, or what answers is not Kubeflow Pipelines
        ├── Refused        the server wants a login, or denies access
        ├── NotFound       there is no such pipeline, experiment, run or schedule
        ├── ApiError       the server answers with any other error
        └── RunEnded       a run was waited for, and has failed or was stopped

Every message is one line. None holds a token, a cookie or a password.
"""

from __future__ import annotations

import importlib.util

from pipeline.errors import RunError, UserError


class BadCredentials(UserError):
    """A token, cookie or certificate cannot be read, or there is one too many."""


class BadPackage(UserError):
    """A file is not a compiled pipeline, or has no parameter of that name."""


class KubeflowError(RunError):
    """A library, the server or a run has failed."""


class NotInstalled(KubeflowError):
    """A library is absent."""


class Unreachable(KubeflowError):
    """Nothing answers at the address, or what answers is not Kubeflow Pipelines."""


class Refused(KubeflowError):
    """The server wants a login, or denies access."""


class NotFound(KubeflowError):
    """There is no pipeline, experiment, run or schedule of that name."""


class ApiError(KubeflowError):
    """The server has answered with an error.

    Args:
        message: One line.
        status: The HTTP status, from 400 to 599.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RunEnded(KubeflowError):
    """A run has failed or was stopped; the message names the step."""


def require(library: str, source: str = "elmo-tfx[kubeflow]") -> None:
    """Refuses to go on without a library; imports nothing of it.

    Args:
        library: Name of a package or module.
        source: What to install where it is absent.

    Raises:
        NotInstalled: It is absent.
    """
    try:
        is_installed = importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:  # not even the package above it
        is_installed = False
    if not is_installed:
        raise NotInstalled(f"{library} is not installed (hint: pip install '{source}')")
