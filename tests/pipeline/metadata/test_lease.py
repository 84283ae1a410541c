"""One owner at a time holds an output, over all machines that share ML Metadata."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline import output_folder
from pipeline.metadata import lease as module
from pipeline.metadata.lease import SECONDS, Lease, OutputBusy, OutputLost
from pipeline.metadata.store import open_store
from pipeline.output_folder import OutputFolder, OutputUnusable


class _Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return _Clock()


@pytest.fixture
def lease(tmp_path, clock):
    def of(owner: str, output: str = "out") -> Lease:
        store = open_store(tmp_path / "metadata.sqlite")
        return Lease(store, output, owner, clock=clock)

    return of


def test_the_second_is_told_who_writes_and_until_when(lease):
    lease("run-1").take()
    message = r"this output: run-1 \(.* if it was killed, from 08:30 UTC on\)"
    with pytest.raises(OutputBusy, match=message):
        lease("run-2").take()
    lease("run-2", "another").take()


def test_the_same_owner_takes_it_from_any_process(lease):
    lease("run-1").take()
    lease("run-1").take()
    lease("run-1").keep()


def test_what_is_let_go_can_be_taken_at_once(lease):
    lease("run-1").take()
    lease("run-2").release()  # not its own: nothing changes
    with pytest.raises(OutputBusy):
        lease("run-2").take()
    lease("run-1").release()
    lease("run-2").take()
    with pytest.raises(OutputLost, match="taken by run-2"):
        lease("run-1").keep()
    with pytest.raises(OutputBusy):
        lease("run-1").take()


def test_a_lease_from_a_clock_that_was_ahead_holds_from_now_on(lease, clock):
    now = clock.now
    clock.now += 10 * 365 * 86400
    lease("run-1").take()
    clock.now = now
    with pytest.raises(OutputBusy, match=r"from 08:30 UTC on"):
        lease("run-2").take()
    clock.now += SECONDS + 1
    lease("run-2").take()


def test_a_machine_that_is_late_takes_nothing_from_one_that_works(lease, clock):
    lease("run-1").take()
    clock.now -= 3 * 3600
    with pytest.raises(OutputBusy):
        lease("run-2").take()
    clock.now += 3 * 3600 + SECONDS - 1
    with pytest.raises(OutputBusy):
        lease("run-2").take()


def test_a_killed_owner_holds_it_until_its_time_is_over(lease, clock):
    lease("run-1").take()
    clock.now += SECONDS - 1
    with pytest.raises(OutputBusy):
        lease("run-2").take()
    lease("run-1").keep()
    clock.now += SECONDS - 1
    with pytest.raises(OutputBusy):
        lease("run-2").take()
    clock.now += 2
    lease("run-1").keep()  # late, and nobody has taken it
    clock.now += SECONDS + 1
    lease("run-2").take()


def test_who_has_never_taken_it_cannot_keep_it(lease):
    with pytest.raises(OutputLost, match="taken by nobody"):
        lease("run-1").keep()


def test_of_many_at_once_one_gets_it(lease):
    owners = [f"run-{number}" for number in range(8)]
    leases = [lease(owner) for owner in owners]
    together = threading.Barrier(len(leases))

    def take(each: Lease) -> bool:
        together.wait()
        try:
            each.take()
        except OutputBusy:
            return False
        return True

    with ThreadPoolExecutor(len(leases)) as pool:
        took = list(pool.map(take, leases))
    assert took.count(True) == 1
    leases[took.index(True)].keep()


def test_of_two_that_have_both_seen_it_free_one_gets_it(lease, monkeypatch):
    second = lease("run-2")
    put = second._put

    def too_late(*args):
        lease("run-1").take()
        put(*args)

    monkeypatch.setattr(second, "_put", too_late)
    with pytest.raises(OutputBusy, match="run-1"):
        second.take()


def test_it_is_renewed_until_the_block_ends_or_it_is_lost(lease, clock, monkeypatch):
    monkeypatch.setattr(module, "RENEWED_AFTER_SECONDS", 0.01)
    renewed, lost = threading.Event(), threading.Event()
    first = lease("run-1")
    first.take()
    keep = first.keep
    monkeypatch.setattr(first, "keep", lambda: (keep(), renewed.set()))
    errors: list = []
    with first.kept(lambda error: (errors.append(error), lost.set())):
        assert renewed.wait(10)
        clock.now += SECONDS - 1
        renewed.clear()
        assert renewed.wait(10)
        clock.now += SECONDS - 1
        with pytest.raises(OutputBusy):
            lease("run-2").take()
        lease("run-1").release()
        lease("run-2").take()
        assert lost.wait(10)
    assert [type(error) for error in errors] == [OutputLost]


def test_an_output_on_a_server_is_held_against_other_machines(tmp_path, monkeypatch):
    file = tmp_path / "metadata.sqlite"  # stands for the server
    monkeypatch.setattr(output_folder, "is_on_server", lambda: True)
    monkeypatch.setattr(output_folder, "open_store", lambda path: open_store(file))
    output = OutputFolder(tmp_path / "out")
    run = Lease(open_store(file), output.pipeline_name, "run-1")
    with output.locked():
        with pytest.raises(OutputBusy, match=rf"process {os.getpid()} on "):
            run.take()
        with pytest.raises(OutputUnusable):
            output.locked()
    run.take()
    with pytest.raises(OutputBusy, match="run-1"):
        output.locked()
    run.release()
    with output.locked():  # what was refused is not locked
        pass
