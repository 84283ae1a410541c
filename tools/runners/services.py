"""Processes that serve on a port, started together and ended together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_START_SECONDS = 90
_END_SECONDS = 15
_POLL_SECONDS = 0.2
_LAST_LINES = 5


class ServiceError(RuntimeError):
    """A service did not start; the message has the end of its log."""


@dataclass(frozen=True)
class Service:
    """One process.

    Args:
        name: Of its log, `<name>.log`.
        command: Program and arguments.
        is_ready: Whether it can be used; asked until it says yes.
        environment: On top of this process's own.
    """

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)


class Services:
    """The services of one runner, kept in a folder with their logs.

    They outlive this process; whoever has the folder can end them.

    Args:
        folder: For logs, and for `processes.json`, which names what runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = folder / "processes.json"

    def start(self, services: Sequence[Service]) -> None:
        """Starts them one after another, each when the one before it is ready.

        Raises:
            ServiceError: One ended, or was not ready in time. All are ended then.
        """
        self.stop()
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for service in services:
                self._wait_for(service, self._run(service))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> list[str]:
        """Ends what runs, with all that it has started; returns the names."""
        ended = self.running()
        groups = [self._pids()[name] for name in ended]
        for group in groups:
            os.killpg(group, signal.SIGTERM)
        end = time.monotonic() + _END_SECONDS
        while any(map(_is_alive, groups)) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        for group in filter(_is_alive, groups):
            os.killpg(group, signal.SIGKILL)
        self._record.unlink(missing_ok=True)
        return ended

    def running(self) -> list[str]:
        """Names of the services that run."""
        return [name for name, pid in self._pids().items() if _is_alive(pid)]

    def pid(self, name: str) -> int:
        """The process of a service that was started."""
        return self._pids()[name]

    def kill(self, name: str) -> None:
        """Kills a service with all that it has started, as a power cut would."""
        os.killpg(self.pid(name), signal.SIGKILL)

    def _run(self, service: Service) -> subprocess.Popen:
        with (self._folder / f"{service.name}.log").open("w") as log:
            process = subprocess.Popen(
                list(service.command),
                cwd=self._folder,
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._record.write_text(json.dumps({**self._pids(), service.name: process.pid}))
        return process

    def _wait_for(self, service: Service, process: subprocess.Popen) -> None:
        end = time.monotonic() + _START_SECONDS
        while not service.is_ready():
            if process.poll() is not None or time.monotonic() > end:
                log = self._folder / f"{service.name}.log"
                lines = log.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:]
                raise ServiceError(
                    "\n".join([f"{service.name} did not start; {log} ends:", *lines])
                )
            time.sleep(_POLL_SECONDS)

    def _pids(self) -> dict[str, int]:
        if not self._record.exists():
            return {}
        return json.loads(self._record.read_text())


def free_port() -> int:
    """Returns a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def accepts(port: int) -> Callable[[], bool]:
    """Returns a function that says whether something listens on a port."""

    def ask() -> bool:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
        except OSError:
            return False
        return True

    return ask


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
