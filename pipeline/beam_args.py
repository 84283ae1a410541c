"""Options of Beam: what is added to those that a user gives, and what is refused."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Sequence

from apache_beam.options.pipeline_options import (
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

# Plain DirectRunner would first try to download a runner written in Go. The image is
# never used by this runner; without a word on where workers get their code from, TFX
# would build a package of itself for every node.
_LOCAL = ("--runner=FnApiRunner", "--sdk_container_image=unused")
# Beam reads the news of a job from a stream, and ends a job whose stream is older than
# this, 300 s if nobody says otherwise.
_STREAM = "--job_server_timeout"
_STREAM_SECONDS = 30 * 24 * 3600
_ANSWER_SECONDS = 20  # within which a job server must take a connection


class BeamArgsError(ValueError):
    """The options for Beam cannot be used."""


def complete_beam_args(given: Sequence[str]) -> list[str]:
    """Returns the options given, with what they do not say themselves.

    Without a runner it is the local one; on another one a job may take a month.
    """
    if _is_local(given):
        return [*_LOCAL, *given]
    if any(arg.startswith(_STREAM) for arg in given):
        return list(given)
    return [*given, f"{_STREAM}={_STREAM_SECONDS}"]


def check_beam_args(given: Sequence[str]) -> None:
    """Looks whether the runner exists, and its job server answers if one is named.

    Of the local runner all options are known; a job server may have more.

    Raises:
        BeamArgsError: It is not so.
    """
    for arg in given:
        if arg.startswith("--runner="):
            _check_runner(arg.removeprefix("--runner="))
    options = PipelineOptions(list(given))
    if _is_local(given):
        _check_known(options)
    endpoint = options.view_as(PortableOptions).job_endpoint
    if endpoint and ":" in endpoint:
        _check_endpoint(endpoint)


def _is_local(given: Sequence[str]) -> bool:
    return not any(arg.startswith("--runner") for arg in given)


def _check_runner(name: str) -> None:
    known = StandardOptions.KNOWN_RUNNER_NAMES
    short = {runner.lower().removesuffix("runner") for runner in known}
    if "." in name or name.lower() in {*short, *map(str.lower, known)}:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (hint: did you mean {close[0]}?)" if close else ""
    raise BeamArgsError(
        f"`--runner` must be one of {', '.join(known)}. Received: {name!r}{hint}"
    )


def _check_known(options: PipelineOptions) -> None:
    known = options.get_all_options()
    for name in options.get_all_options(retain_unknown_options=True):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (hint: did you mean --{close[0]}?)" if close else ""
            raise BeamArgsError(f"Beam's local runner has no option `--{name}`{hint}")


def _check_endpoint(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        address = (host.strip("[]"), int(port))
        socket.create_connection(address, timeout=_ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise BeamArgsError(
            f"no job server answers at `--job_endpoint={endpoint}`: {error}"
        ) from error
