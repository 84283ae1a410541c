"""What goes wrong between the command line and Kubeflow Pipelines.

    KubeflowError
    ├── NotInstalled     kfp, or Vertex AI's library, is absent
    ├── BadCredentials   what says who one is cannot be read
    ├── BadPackage       a file is no compiled pipeline, or lacks a parameter
    ├── Unreachable      nothing answers, or what answers is no Kubeflow Pipelines
    ├── Refused          the server wants to know who one is, or says no
    ├── NotFound         there is no such pipeline, experiment, run or schedule
    ├── ApiError         the server answers with any other error
    └── RunEnded         a run has ended, and not well

Every message is one line. None holds a token, a cookie or a password.
"""

from __future__ import annotations

import importlib.util


class KubeflowError(RuntimeError):
    """Something has gone wrong; the message is one line."""


class NotInstalled(KubeflowError):
    """A library is absent."""


class BadCredentials(KubeflowError):
    """A token, cookie or certificate cannot be read, or there is one too many."""


class BadPackage(KubeflowError):
    """A file is no compiled pipeline, or has no parameter of that name."""


class Unreachable(KubeflowError):
    """Nothing answers at the address, or what answers is no Kubeflow Pipelines."""


class Refused(KubeflowError):
    """The server does not know who asks, or does not let them."""


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
        found = importlib.util.find_spec(library)
    except ModuleNotFoundError:  # not even the package above it
        found = None
    if found is None:
        raise NotInstalled(f"{library} is not installed (hint: pip install '{source}')")
