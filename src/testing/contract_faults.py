"""
Faults around a store: full disks, held locks, and killed processes.

A full disk is a limit of the system on the size of files, which any library meets in its own calls.
Half of the kills use it, too: the system ends a process at the write that passes the limit. The
others come after a time, wherever the process is then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from ..errors import LockTimeoutError, StoreIOError
from ..ports.arrays import GroupReader, GroupWriter
from ..ports.store import Capability, Store
from .contents import make, outcome_of, reading, require_claim, snapshot, writing
from .contract_samples import NewStore, prepare
from .processes import (
    OtherProcess,
    Rendezvous,
    die_after,
    die_at_a_write,
    largest_file,
    no_file_larger_than,
)

_ROWS = 20_000
_TEXT = 30_000
# Bytes beyond the largest file there is, where a process is killed.
_ROOM = (0, 5_000, 100_000, 300_000)
# Parts of the time that a session takes.
_MOMENTS = (0.2, 0.5, 0.8, 0.95)
# Seconds that a store whose limit is a second at most may wait for a lock, and after which it is
# not waited for.
_LONG_WAIT, _LONGEST_WAIT = 4.0, 10.0


def begin(root: GroupWriter) -> None:
    """Make the network whose sessions are killed, with the number 0."""
    root.create_array("rows", np.zeros(_ROWS))
    root.create_array("added", np.zeros(0))
    store_number(root, 0)


def store_number(root: GroupWriter, number: int) -> None:
    """Write a number to all places that one session changes."""
    for name in root.names():
        if name.startswith("of "):
            root.delete(name)
    root.attributes.set("number", number)
    root.array("rows").write(0, np.full(_ROWS, float(number)))
    root.array("added").append(np.full(_ROWS, float(number)))
    root.write_document("document", f"{number:03}" * _TEXT)
    root.require_group(f"of {number}").create_array("x", np.full(10, number))


def number_in(root: GroupReader) -> int:
    """The number that is stored in all of these places."""
    number = int(root.attributes.get("number"))
    added = root.array("added").read().reshape(-1, _ROWS)
    assert (added == added[:, :1]).all()
    assert [f"of {number}"] == [name for name in root.names() if name.startswith("of ")]
    assert {number} == {int(each) for each in root.group(f"of {number}").array("x").read()}
    assert {number} == {int(each) for each in np.unique(root.array("rows").read())}
    assert number == int(added[-1, 0])
    assert f"{number:03}".encode() * _TEXT == root.document("document").read()
    return number


class FaultContract:
    """The promises of a store when something fails around it."""

    @pytest.fixture
    def new_impatient_store(self, new_store: NewStore) -> NewStore:
        """As ``new_store``, of stores that wait for locks for a second at most."""
        return new_store

    @pytest.mark.parametrize("room", [0, 30_000])
    def test_a_disk_that_runs_full_is_an_error_that_loses_nothing(
        self, new_store: NewStore, room: int
    ) -> None:
        store = new_store("a")
        require_claim(store, Capability.WRITABLE, Capability.PERSISTENT)

        def write() -> tuple[Exception | None, dict[str, Any]]:
            own = new_store("a")
            with no_file_larger_than(largest_file(own.location) + room):
                error = outcome_of(lambda: write_much(own))
            after = snapshot(own)
            with writing(own) as root:
                root.attributes.set("once there is room", 1)
            return error, after

        # It begins before there is anything that it could inherit.
        with OtherProcess(write) as other:
            make(store, prepare)
            before = snapshot(store)
            error, after = other.result()
        if error is None:
            # All of it found room in small files.
            assert {"bulk", "text"} <= after["members"].keys()
        else:
            # Sessions of the engine translate the errors of its library.
            assert isinstance(error, (StoreIOError, *getattr(store, "errors", ()))), repr(error)
            assert before == after
        with reading(store) as read:
            assert 1 == read.attributes.get("once there is room")
            assert (error is None) == ("bulk" in read)

    def test_a_lock_that_another_program_holds_is_an_error_after_the_limit(
        self, new_impatient_store: NewStore
    ) -> None:
        store = new_impatient_store("a")
        require_claim(store, Capability.WRITABLE, Capability.PERSISTENT, Capability.LOCKING)
        point = Rendezvous()

        def hold() -> None:
            session = new_impatient_store("a").open_write()
            session.root.attributes.set("text", "of the other")
            point.reached()
            session.commit()

        def wait() -> tuple[Exception | None, float]:
            began = time.monotonic()
            error = outcome_of(lambda: new_impatient_store("a").open_write().rollback())
            return error, time.monotonic() - began

        with OtherProcess(hold) as holder, OtherProcess(wait) as waiting:
            make(store, prepare)
            holder.comes_to(point)
            try:
                assert waiting.ends_within(_LONGEST_WAIT), "it waits for longer than its limit"
                error, waited = waiting.result()
                assert isinstance(error, LockTimeoutError), repr(error)
                assert waited < _LONG_WAIT, "it waits for longer than its limit"
            finally:
                point.let_go()
            holder.result()
            point.close()
        with writing(store) as root:
            assert "of the other" == root.attributes.get("text")

    def test_wherever_a_process_is_killed_a_network_holds_all_of_a_session_or_nothing(
        self, new_store: NewStore
    ) -> None:
        store = new_store("a")
        require_claim(store, Capability.WRITABLE, Capability.PERSISTENT)

        def write(number: int, prepare_to_die: Callable[[Store], None]) -> Callable[[], None]:
            def act() -> None:
                own = new_store("a")
                prepare_to_die(own)
                with writing(own) as root:
                    store_number(root, number)

            return act

        took = self._seconds_of_a_session(new_store("b"))
        deaths: list[Callable[[Store], None]] = [
            *(
                lambda own, room=each: die_at_a_write(largest_file(own.location) + room)
                for each in _ROOM
            ),
            *(lambda own, part=each: die_after(part * took) for each in _MOMENTS),
        ]
        with ExitStack() as stack:
            others = [
                stack.enter_context(OtherProcess(write(number, death)))
                for number, death in enumerate(deaths, start=1)
            ]
            make(store, begin)
            held, ends = 0, []
            for number, other in enumerate(others, start=1):
                ends.append(other.status())
                with reading(new_store("a")) as read:
                    found = number_in(read)
                # A process that was not killed stored what it wrote, or raised an error.
                assert found in ({held, number} if ends[-1] else {number})
                held = found
        # Some at least came to be killed.
        assert min(ends) < 0
        with writing(store) as root:
            store_number(root, 99)
        with reading(store) as read:
            assert 99 == number_in(read)

    def _seconds_of_a_session(self, store: Store) -> float:
        make(store, begin)
        began = time.perf_counter()
        with writing(store) as root:
            store_number(root, 1)
        return time.perf_counter() - began


def write_much(store: Store) -> None:
    """Write more than fits on the disk."""
    with writing(store) as root:
        root.create_array("bulk", np.random.default_rng(1).integers(0, 2**62, 60_000))
        root.write_document("text", np.random.default_rng(2).bytes(200_000))
        root.attributes.set("text", "after")
        root.array("array").append(np.ones((1000, 3)))
