"""Says why a run failed, in words that a person can use."""

from __future__ import annotations

import re

_OURS = ("components.", "pipeline.", "keras_elmo.")
_STEP = re.compile(r"\s*\[while running [^\]]*\]\s*$")
_REMOTE_TRACEBACK = "Traceback (most recent call last)"
_REMOTE_ERROR = re.compile(
    r"^(?P<type>[A-Za-z_][\w.]*): (?P<message>.+)$", re.MULTILINE
)


class RunFailed(RuntimeError):
    """A node of the pipeline failed; what was finished before it is kept.

    Attributes:
        node: Id of the node, such as `Transform`; empty if it failed before the first.
        reason: Why; the first line says it, a line `hint: ...` may follow.
        log: Path of the log with the whole story; None: what was just printed.
    """

    def __init__(self, *, node: str, reason: str, log: str | None = None) -> None:
        self.node = node
        self.reason = reason
        self.log = log
        where = f"{node} failed" if node else "the run failed"
        tail = f"\nlog: {log}" if log else ""
        super().__init__(f"{where}: {reason}{tail}")


def reason_of(error: BaseException) -> str:
    """Returns the message of the error that says most about a failure.

    Beam and TFX wrap what a worker raised. An error of our own is written for people,
    so the outermost of them wins, with all its lines; otherwise it is the first line
    of the one that started it all, behind the name of its class.
    """
    chain = _chain(error)
    ours = [e for e in chain if type(e).__module__.startswith(_OURS)]
    chosen = ours[0] if ours else chain[-1]
    text = str(chosen)
    if _REMOTE_TRACEBACK in text:
        return _remote_reason(text)
    text = _STEP.sub("", text).strip()
    if ours:
        return text
    name = type(chosen).__name__
    return f"{name}: {text.splitlines()[0].strip()}" if text else name


def _chain(error: BaseException) -> list[BaseException]:
    """Returns the error and those behind it, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        inner = current.__cause__
        if inner is None and not current.__suppress_context__:
            inner = current.__context__
        current = inner
    return chain


def _remote_reason(text: str) -> str:
    """Returns what a worker in another process raised, from its traceback."""
    after = text[text.rindex(_REMOTE_TRACEBACK) :]
    found = _REMOTE_ERROR.search(after)
    if found is None:
        return after.strip().splitlines()[-1].strip()
    path, message = found["type"], _STEP.sub("", found["message"]).strip()
    if path.startswith(_OURS):
        return message
    return f"{path.rpartition('.')[2]}: {message}"
