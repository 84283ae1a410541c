"""Tells a receiver what came of a run: one JSON by HTTP, if `push.webhook` is on.

The receiver's address may be a secret. It stands in the environment alone,
`ELMO_TFX_WEBHOOK`, or in a file that `ELMO_TFX_WEBHOOK_FILE` names, and nothing that is
printed, logged or kept has any part of it. What the receiver does is no matter of the
run: it is tried twice, and then let be.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import queue
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import AwareDatetime

from pipeline.errors import UserError, brief_line
from pipeline.evaluation.facts import Facts
from pipeline.files import FileTooLarge, read_bounded
from pipeline.runs.outcomes import reason_of
from pipeline.runs.past_runs import (
    TOLD_LATE,
    PastRun,
    claim_telling,
    kept_runs,
    read_run,
)
from pipeline.terminal import visible_line

VARIABLE = "ELMO_TFX_WEBHOOK"
"""Name of the environment variable with the address."""

FILE_VARIABLE = VARIABLE + "_FILE"
"""Name of that with the path of a file that has the address, which wins."""

Event = Literal["pushed", "refused", "drifted", "failed"]

_EVENTS = get_args(Event)
_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 1.0
_TOO_MANY_REQUESTS = 429
_MOST_BYTES = 2**16  # of the file with the address


class Notice(Facts):
    """What is posted, as JSON; what does not apply is null or empty.

    Attributes:
        event: What became of the run.
        text: The same in one line, which programs for chats show.
        run: TFX's name of the run; empty: it failed before it had one.
        output: The folder that it wrote into.
        reason: Why it was refused or failed, in one line.
        component: The node that failed.
        version: The version that was pushed.
        began, seconds, span, rows, measures, warnings: As in `PastRun`.
        report, summary, log: Paths.
    """

    event: Event
    text: str
    run: str
    output: str
    reason: str | None
    component: str | None
    version: int | None
    began: AwareDatetime
    seconds: float | None
    span: str | None
    rows: int | None
    measures: dict[str, float | None]
    warnings: list[str]
    report: str | None
    summary: str | None
    log: str | None


class Webhook:
    """A receiver.

    Args:
        address: Of http or https; a name and a password in it become the header
            `Authorization`.
        timeout_seconds: How long one attempt may take, whatever it waits for.
        pause_seconds: Before the second attempt.

    Raises:
        UserError: The address cannot be used; the message has no part of it.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._timeout, self._pause = timeout_seconds, pause_seconds
        self._headers = {"Content-Type": "application/json", "User-Agent": "elmo-tfx"}
        self._address = self._without_user(address.strip())

    def _without_user(self, address: str) -> str:
        try:
            parts = urllib.parse.urlsplit(address)
            is_good = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_good = False
        if (
            not is_good
            or parts.scheme not in ("http", "https")
            or not (address.isascii() and address.isprintable() and " " not in address)
        ):
            raise UserError(
                f"{VARIABLE} must be an address that begins with http:// or https:// "
                "(it is not shown, as it may be a secret)"
            )
        user, at, host = parts.netloc.rpartition("@")
        if at:
            pair = urllib.parse.unquote(user).encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return urllib.parse.urlunsplit(parts._replace(netloc=host, fragment=""))

    @classmethod
    def from_environment(cls) -> Webhook:
        """Returns the receiver that the environment names.

        Raises:
            UserError: It names none, or its address cannot be used.
        """
        path = os.environ.get(FILE_VARIABLE)
        try:
            address = read_bounded(Path(path), _MOST_BYTES) if path else None
        except FileTooLarge as error:
            raise UserError(f"{FILE_VARIABLE} cannot be read: {error}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UserError(
                f"{FILE_VARIABLE} cannot be read: {path}: {reason}"
            ) from error
        address = address or os.environ.get(VARIABLE, "")
        if not address.strip():
            raise UserError(
                f"option push.webhook: the environment variable {VARIABLE} must have "
                "the address of the receiver (hint: export it, or leave push.webhook "
                "out)"
            )
        return cls(
            address, timeout_seconds=_TIMEOUT_SECONDS, pause_seconds=_PAUSE_SECONDS
        )

    def post(self, notice: Notice) -> str | None:
        """Posts a notice, and once more if that may help.

        Returns:
            What went wrong, in words without the address; None: it was taken.
        """
        body = notice.model_dump_json().encode()
        problem, may_pass = self._attempt(body)
        if problem is None or not may_pass:
            return problem
        time.sleep(self._pause)
        again, _ = self._attempt(body)
        return None if again is None else f"{again}, twice"

    def _attempt(self, body: bytes) -> tuple[str | None, bool]:
        """Returns what went wrong, and whether another attempt may help."""
        # A thread, for the time limit: a name that is looked up, or an answer that
        # comes byte by byte, heeds none.
        answers: queue.SimpleQueue[tuple[str | None, bool]] = queue.SimpleQueue()
        threading.Thread(
            target=lambda: answers.put(self._posted(body)), daemon=True, name="webhook"
        ).start()
        try:
            return answers.get(timeout=self._timeout)
        except queue.Empty:
            return self._too_slow, True

    @property
    def _too_slow(self) -> str:
        return f"it did not answer within {self._timeout:g} seconds"

    def _posted(self, body: bytes) -> tuple[str | None, bool]:
        request = urllib.request.Request(
            self._address, data=body, headers=self._headers, method="POST"
        )
        try:
            with _OPENER.open(request, timeout=self._timeout):
                return None, False
        except urllib.error.HTTPError as error:
            with contextlib.suppress(OSError, http.client.HTTPException):
                error.close()
            if 300 <= error.code < 400:
                return (
                    f"it answered {error.code}, and redirects are not followed",
                    False,
                )
            may_pass = error.code >= 500 or error.code == _TOO_MANY_REQUESTS
            return f"it answered {error.code}", may_pass
        # Whatever it is, the run has ended as it has.
        except Exception as error:  # noqa: BLE001
            is_slow = isinstance(_cause(error), TimeoutError)
            return self._too_slow if is_slow else _words_of(error), True


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what is posted is for this receiver and no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _cause(error: BaseException) -> BaseException:
    """Returns the error behind one of urllib."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else None
    return reason if isinstance(reason, BaseException) else error


def _words_of(error: BaseException) -> str:
    """Returns what an error says without the address, which messages may have."""
    error = _cause(error)
    if isinstance(error, ssl.SSLError):
        return f"its certificate or encryption is refused ({error.reason})"
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be reached ({error.strerror})"
    return f"it cannot be reached ({type(error).__name__})"


def tell(output: str, run: PastRun, say: Callable[[str], object]) -> None:
    """Posts what came of a run, once for each run, and never fails.

    Args:
        output: The folder of the runs.
        run: It has ended; of one that was interrupted or made nothing new, nothing is
            told.
        say: Takes the line that says that the receiver was not told; the log of the
            run gets it, too.
    """
    if run.verdict not in _EVENTS or not claim_telling(output, run):
        return
    try:
        problem = Webhook.from_environment().post(_notice(output, run))
    except UserError as error:
        problem = error.format_message()
    if problem is None:
        return
    line = f"push.webhook: the receiver was not told: {problem}; the run is as it is"
    if run.log is not None:
        with contextlib.suppress(OSError), open(run.log, "a", encoding="utf-8") as log:
            log.write(f"{visible_line(line)}\n")
    say(line)


def tell_of_late(output: str, say: Callable[[str], object]) -> None:
    """Posts which models runs have pushed that ended before they could tell.

    Args:
        output: The folder of the runs.
        say: As in `tell`.
    """
    for run in kept_runs(output, is_held=True):
        if run.verdict == "pushed" and run.reasons == [TOLD_LATE]:
            tell(output, run, say)


def tell_of_failure(
    output: str,
    error: Exception,
    run_id: str | None,
    say: Callable[[str], object],
) -> None:
    """Posts that a run failed, whether it had begun or not.

    Args:
        output: The folder of the runs.
        error: What ended it.
        run_id: Its name; None: an error of a node has it, or it had none yet.
        say: As in `tell`.
    """
    run_id = run_id or getattr(error, "run_id", None)
    run = read_run(output, run_id) if run_id else None
    tell(output, run or failed_before(reason_of(error)), say)


def failed_before(reason: str) -> PastRun:
    """Returns what there is to tell of a run that failed before it had a name."""
    began = datetime.now(timezone.utc)
    return PastRun(run_id="", verdict="failed", began=began, reasons=[reason])


def _notice(output: str, run: PastRun) -> Notice:
    reason = brief_line("; ".join(run.reasons)) if run.reasons else None
    return Notice(
        event=cast(Event, run.verdict),
        text=_text(output, run, reason),
        run=run.run_id,
        output=output,
        reason=reason,
        component=run.component,
        version=run.version if run.verdict == "pushed" else None,
        began=run.began,
        seconds=run.seconds,
        span=run.span,
        rows=run.rows,
        measures=run.measures,
        warnings=run.warnings,
        report=run.report,
        summary=run.summary,
        log=run.log,
    )


def _text(output: str, run: PastRun, reason: str | None) -> str:
    of_span = f" (span {run.span})" if run.span else ""
    accuracy = run.measures.get("accuracy")
    if run.verdict == "pushed":
        measured = "" if accuracy is None else f", accuracy {accuracy:.3f}"
        said = f"model pushed as version {run.version}{measured}"
    else:
        said = f"run {run.verdict}"
        if run.component:
            said += f" in {run.component}"
        if reason:
            said += f": {reason}"
    return brief_line("; ".join([f"{output}: {said}{of_span}", *run.warnings]))
