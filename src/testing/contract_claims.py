"""
A test for each capability that a store claims.

Two claims are left to trust: that ranks may share it (``parallel``), for which the tests of two
processes stand in, and that it survives a power cut (``durable``), which no test on a running
system can show.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import numpy as np
import pytest

from ..errors import LockTimeoutError, StoreError, StoreExistsError
from ..ports.store import Capability, Store
from .contents import contents_of, make, outcome_of, reading, require_claim, snapshot, writing
from .contract_samples import ROWS, NewStore, prepare
from .processes import OtherProcess, Rendezvous, in_threads
from .steps import Steps

_TURNS = 8
# Seconds after which another process is not waited for.
_LONGEST_WAIT = 10.0
T = TypeVar("T")


def in_thread(action: Callable[[], T]) -> T:
    """Run an action in a thread of its own, and return or raise its outcome here."""
    return in_threads(action)[0]


def add_one(store: Store) -> None:
    """Count up, in a session."""
    with writing(store) as root:
        root.attributes.set("count", int(root.attributes.get("count")) + 1)
        root.array("x").append(np.array([os.getpid()]))


class ClaimContract:
    """The promises of a store for each of its claims."""

    def test_a_reader_sees_one_state_while_others_commit(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        require_claim(store, Capability.SNAPSHOTS)
        with writing(store) as root:
            prepare(root)
        reader = store.open_read()
        try:
            version = reader.version
            before = contents_of(reader.root)
            with writing(new_store("a")) as root:
                root.array("array").append(ROWS)
                root.array("array").write(0, -ROWS)
                root.attributes.set("text", "after")
                root.delete("document")
            assert before == contents_of(reader.root)
            assert version == reader.version
        finally:
            reader.close()
        assert before != snapshot(store)

    def test_a_session_that_reads_sees_one_state_or_others_wait_for_its_end(
        self, new_impatient_store: NewStore
    ) -> None:
        store, point = new_impatient_store("a"), Rendezvous()
        require_claim(store, Capability.WRITABLE, Capability.PERSISTENT, Capability.LOCKING)

        def read() -> object:
            with reading(new_impatient_store("a")) as root:
                point.reached()
                return contents_of(root)

        def replace_all() -> None:
            with writing(store) as root:
                for name in root.names():
                    root.delete(name)
                root.create_array("new", ROWS)
                root.attributes.set("text", "after")

        with OtherProcess(read) as other:
            before = snapshot(make(store, prepare))
            other.comes_to(point)
            try:
                error = outcome_of(replace_all)
            finally:
                point.let_go()
            found = other.result()
        point.close()
        assert error is None or isinstance(error, LockTimeoutError), repr(error)
        assert before == found, "a session that reads sees what another one committed meanwhile"

    def test_another_process_reads_on_while_changes_are_not_committed(
        self, new_impatient_store: NewStore
    ) -> None:
        store = new_impatient_store("a")
        require_claim(store, Capability.SNAPSHOTS, Capability.PERSISTENT)

        def read() -> tuple[Exception | None, list[object]]:
            found: list[object] = []
            error = outcome_of(lambda: found.append(snapshot(new_impatient_store("a"))))
            return error, found

        # It begins before there is anything that it could inherit.
        with OtherProcess(read) as other:
            before = snapshot(make(store, prepare))
            session = store.open_write()
            try:
                session.root.attributes.set("text", "after")
                session.root.array("array").append(ROWS)
                promise = "a reader does not wait for the end of a session that writes"
                assert other.ends_within(_LONGEST_WAIT), promise
                error, found = other.result()
                assert error is None, f"{promise}: {error!r}"
                assert [before] == found
            finally:
                session.rollback()

    def test_a_reader_sees_all_of_a_commit_or_nothing_at_any_moment(
        self, new_impatient_store: NewStore
    ) -> None:
        store = new_impatient_store("a")
        require_claim(store, Capability.SNAPSHOTS, Capability.PERSISTENT)
        steps = Steps()

        def replace_all() -> None:
            session = new_impatient_store("a").open_write()
            for name in session.root.names():
                session.root.delete(name)
            session.root.require_group("new").create_array("rows", ROWS)
            session.root.attributes.set("text", "after")
            steps.take(session.commit)

        with OtherProcess(replace_all) as other:
            before, seen = snapshot(make(store, prepare)), []
            other.begin()
            for _ in steps.until_the_end():
                # The end of a commit may exclude those that begin to read.
                with suppress(LockTimeoutError):
                    seen.append(snapshot(store))
            other.result()
        after = snapshot(store)
        partly = [sorted(each["members"]) for each in seen if each not in (before, after)]
        assert not partly, f"a reader sees all of a commit or nothing, not {partly[0]}"
        steps.close()

    def test_a_session_goes_from_thread_to_thread(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        require_claim(store, Capability.THREADS)
        # Not opened in a thread that has ended: the next one may get its number.
        session = store.open_write()
        in_thread(lambda: prepare(session.root))
        made = contents_of(session.root)
        in_thread(session.commit)
        reader = store.open_read()
        found = in_thread(lambda: contents_of(reader.root))
        in_thread(reader.close)
        assert made == found

    def test_another_process_finds_what_was_stored(self, new_store: NewStore) -> None:
        require_claim(new_store("a"), Capability.PERSISTENT)
        # It begins before there is anything that it could inherit.
        with OtherProcess(lambda: snapshot(new_store("a"))) as other:
            store = make(new_store("a"))
            with writing(store) as root:
                prepare(root)
            expected = snapshot(store)
            assert expected == other.result()

    def test_this_process_finds_what_another_stored(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        require_claim(store, Capability.PERSISTENT)
        empty = snapshot(store)

        def write() -> None:
            with writing(new_store("a")) as root:
                prepare(root)

        with OtherProcess(write) as other:
            other.result()
        assert empty != snapshot(store)
        assert ROWS.tolist() == snapshot(store)["members"]["array"]["rows"][3]

    def test_processes_that_write_lose_nothing_of_each_other(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        require_claim(store, Capability.PERSISTENT, Capability.LOCKING)
        with writing(store) as root:
            root.attributes.set("count", 0)
            root.create_array("x", np.zeros(0, dtype=np.int64))

        def write() -> None:
            for _ in range(_TURNS):
                add_one(new_store("a"))

        with OtherProcess(write) as first, OtherProcess(write) as second:
            first.begin()
            second.begin()
            first.result()
            second.result()
        with reading(store) as read:
            assert 2 * _TURNS == read.attributes.get("count")
            pids, counts = np.unique(read.array("x").read(), return_counts=True)
            assert (2, [_TURNS] * 2) == (len(pids), counts.tolist())

    @pytest.mark.parametrize("verb", ["open_write", "create"])
    def test_a_process_that_is_killed_leaves_no_trace(self, new_store: NewStore, verb: str) -> None:
        name = "a" if verb == "open_write" else "b"
        store = make(new_store("a"))
        require_claim(store, Capability.PERSISTENT)
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)

        def write() -> None:
            session = getattr(new_store(name), verb)()
            for each in session.root.names():
                session.root.delete(each)
            session.root.create_array("new", np.zeros((5000, 3)))
            os._exit(9)

        with OtherProcess(write) as other:
            if other.status() != 9:
                # Raises what it raised, which says more.
                other.result()
            assert 9 == other.status()
        assert before == snapshot(new_store("a"))
        assert not new_store("b").exists()
        add = make(new_store("b"))
        assert snapshot(add) == {"attributes": {}, "members": {}}
        with writing(store) as root:
            root.attributes.set("text", "after")

    def test_a_file_of_something_else_is_left_alone(self, new_store: NewStore) -> None:
        store = new_store("a")
        require_claim(store, Capability.PERSISTENT)
        if not os.path.isdir(os.path.dirname(store.location)):
            pytest.skip("The network does not lie in a folder.")
        content = b"something else\n" * 100
        with open(store.location, "wb") as file:
            file.write(content)
        assert not store.recognizes()
        for verb in (store.open_read, store.open_write):
            error = outcome_of(verb)
            assert isinstance(error, StoreError), repr(error)
        error = outcome_of(store.create)
        can_write = Capability.WRITABLE in store.capabilities
        assert isinstance(error, StoreExistsError if can_write else StoreError), repr(error)
        with open(store.location, "rb") as file:
            assert content == file.read()

    def test_a_place_in_no_folder_is_refused(self, new_store: NewStore) -> None:
        store = new_store("no such folder/a")
        require_claim(store, Capability.PERSISTENT)
        if "://" in store.location:
            pytest.skip("The network does not lie in a folder.")
        error = outcome_of(store.create)
        assert isinstance(error, StoreError), repr(error)
        assert not store.exists()
