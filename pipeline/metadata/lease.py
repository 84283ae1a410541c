"""Who may write into an output, over all machines that share ML Metadata.

A lease has an owner, such as a run, and a time until which it holds. It is renewed
while its owner works; who was killed holds it until that time. Each lease of an output
is a context of our own in ML Metadata, named by its number, and the highest one counts.
Names are unique there: of two owners that make the next lease at once, one fails.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from pipeline.errors import RunError, UserError

SECONDS = 1800.0
"""How long a lease holds after it was renewed.

The pod of the next step must have begun by then, and that of a step that is started
again. Clocks of machines may differ by much less.
"""
RENEWED_AFTER_SECONDS = 60.0
# A lease that ends later was taken while a clock was ahead. A machine that was asleep
# may be late by hours: it must not shorten the lease of one that works.
_NO_CLOCK_IS_OFF_BY = 86400.0

_LOGGER = logging.getLogger(__name__)
_OWNER, _UNTIL = "owner", "until"
_TYPE = {_OWNER: metadata_store_pb2.STRING, _UNTIL: metadata_store_pb2.DOUBLE}


class OutputBusy(RunError):
    """Another owner holds the output; later it may be free."""


class OutputLost(UserError):
    """Another owner has taken the output: what was begun there must not go on."""


class Lease:
    """The right of one owner to write into one output.

    Args:
        store: Of ML Metadata; for this object alone, as it may use it in a thread.
        output: What names the output in that store, as `OutputFolder.pipeline_name`.
        owner: Who asks; the same name means the same owner, in any process.
        clock: Returns seconds since 1970; for tests.
    """

    def __init__(
        self,
        store: mlmd.MetadataStore,
        output: str,
        owner: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._owner, self._clock = store, owner, clock
        self._type = f"{output}.Lease"

    def take(self) -> None:
        """Takes hold of the output, or goes on holding it.

        Raises:
            OutputBusy: Another owner holds it, or was quicker.
        """
        newest = self._newest()
        if newest is not None and self._is_own(newest):
            self._put(newest, self._clock() + SECONDS)
            return
        if newest is not None:
            left = newest.properties[_UNTIL].double_value - self._clock()
            if left > _NO_CLOCK_IS_OFF_BY:  # but one that was set wrong: from now on
                self._put(newest, self._clock() + SECONDS)
            if left > 0:
                raise self._busy(newest)
        number = 1 if newest is None else int(newest.name) + 1
        made = metadata_store_pb2.Context(name=str(number))
        made.properties[_OWNER].string_value = self._owner
        try:
            self._put(made, self._clock() + SECONDS)
        except mlmd.errors.AlreadyExistsError as error:
            quicker = self._newest()
            if quicker is None:
                raise
            raise self._busy(quicker) from error

    def keep(self) -> None:
        """Renews the lease of an owner that has taken it; one that let it go, too.

        Raises:
            OutputLost: Another owner has it.
        """
        self._put(self._own(), self._clock() + SECONDS)
        self._own()  # who found it expired may have made the next one meanwhile

    def release(self) -> None:
        """Lets others take the output at once; nothing if it is not this owner's."""
        newest = self._newest()
        if newest is not None and self._is_own(newest):
            self._put(newest, 0.0)

    @contextlib.contextmanager
    def kept(self, lost: Callable[[OutputLost], object]) -> Iterator[None]:
        """Renews the lease again and again, in a thread, until the block ends.

        One that somebody lets go meanwhile stays as it is.

        Args:
            lost: Called in that thread, and nothing is renewed any more, if another
                owner has taken the output.
        """
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(RENEWED_AFTER_SECONDS):
                try:
                    if self._own().properties[_UNTIL].double_value:
                        self.keep()
                except OutputLost as error:
                    lost(error)
                    return
                except mlmd.errors.StatusError as error:
                    reason = str(error).partition("\n")[0]
                    _LOGGER.warning("the output's lease is not renewed: %s", reason)

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _newest(self) -> metadata_store_pb2.Context | None:
        # All are read, one for each run there was: not every version can ask for less.
        leases = self._store.get_contexts_by_type(self._type)
        return max(leases, key=lambda lease: int(lease.name), default=None)

    def _own(self) -> metadata_store_pb2.Context:
        newest = self._newest()
        if newest is None or not self._is_own(newest):
            by = "nobody" if newest is None else newest.properties[_OWNER].string_value
            raise OutputLost(
                f"this run no longer holds its output, which was taken by {by} (hint: "
                "start another run; what is finished is not done again)"
            )
        return newest

    def _is_own(self, lease: metadata_store_pb2.Context) -> bool:
        return lease.properties[_OWNER].string_value == self._owner

    def _put(self, lease: metadata_store_pb2.Context, until: float) -> None:
        lease.type_id = self._store.put_context_type(
            metadata_store_pb2.ContextType(name=self._type, properties=_TYPE)
        )
        lease.properties[_UNTIL].double_value = until
        self._store.put_contexts([lease])

    @staticmethod
    def _busy(lease: metadata_store_pb2.Context) -> OutputBusy:
        until = datetime.fromtimestamp(
            lease.properties[_UNTIL].double_value, timezone.utc
        )
        return OutputBusy(
            f"another run writes into this output: "
            f"{lease.properties[_OWNER].string_value} (hint: start this one when that "
            f"has ended; if it was killed, from {until:%H:%M} UTC on)"
        )


@contextlib.contextmanager
def leased_by_process(store: mlmd.MetadataStore, output: str) -> Iterator[None]:
    """Holds an output for this process while the block works.

    Should another owner take it, the process is asked to end, as by Ctrl-C.

    Raises:
        OutputBusy: Another owner holds it.
    """
    now = datetime.now(timezone.utc)
    host = socket.gethostname()
    owner = f"process {os.getpid()} on {host}, begun {now:%Y-%m-%d %H:%M:%S} UTC"
    lease = Lease(store, output, owner)
    lease.take()

    def end(error: OutputLost) -> None:
        _LOGGER.error("%s", error.format_message())
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        with lease.kept(lost=end):
            yield
    finally:
        lease.release()
