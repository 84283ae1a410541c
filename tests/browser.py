"""Headless Chromium, driven by its DevTools protocol: pages as a person would see them.

A test that asks for the fixture `browser` is skipped where there is no Chromium.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import websocket

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 60  # for it to start, or to answer


class Browser:
    """One page of a browser, whose messages and requests are kept.

    Args:
        address: Of the page's DevTools, `ws://…`.
    """

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(
            address, timeout=_SECONDS, suppress_origin=True
        )
        self._number = 0
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the protocol, and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._events.append(answer)

    def open(self, path: Path, *, width: int = 1400, dark: bool = False) -> None:
        """Shows a file in a window of so many pixels, and forgets the page before."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[theme])
        self._events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(e["method"] == "Page.loadEventFired" for e in self._events):
            self._events.append(json.loads(self._socket.recv()))

    def value(self, expression: str) -> Any:
        """Returns the value of an expression of JavaScript, as JSON has it."""
        done = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def complaints(self) -> list[str]:
        """Returns what the page has written to the console since it was opened."""
        kinds = (
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
        )
        return [json.dumps(e["params"]) for e in self._events if e["method"] in kinds]

    def requests(self) -> list[str]:
        """Returns the addresses that the page has asked for, its own the first."""
        return [
            event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def screenshot(self, path: Path) -> None:
        """Writes the whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"]}
        done = self.call(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip=clip | {"scale": 1},
        )
        path.write_bytes(base64.b64decode(done["data"]))


@contextmanager
def started() -> Iterator[Browser]:
    """Starts a browser, which ends with the context.

    Raises:
        FileNotFoundError: There is none.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise FileNotFoundError(f"no browser: none of {', '.join(_NAMES)}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={home}",
            "about:blank",
        ]
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "HOME": home},
        )
        try:
            yield Browser(_page_of(process))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()


def _page_of(process: subprocess.Popen[str]) -> str:
    import urllib.request

    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"ws://([\w.:]+)/", line):
            with urllib.request.urlopen(
                f"http://{found[1]}/json/list", timeout=_SECONDS
            ) as answer:
                pages = json.load(answer)
            return next(
                page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"
            )
    raise RuntimeError("the browser has ended at once")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; the test is skipped where none is installed."""
    try:
        with started() as running:
            yield running
    except FileNotFoundError as error:
        pytest.skip(f"{error} (Debian's package chromium has one)")
