"""Sessions, which are transactions."""

from __future__ import annotations

import numpy as np
import pytest

from .contents import (
    contents_of,
    make,
    reading,
    snapshot,
    writing,
)
from .contract_samples import (
    CHANGES,
    KINDS,
    NewStore,
    known_versions,
    prepare,
    version_of,
)


class SessionContract:
    """The promises of sessions."""

    @pytest.mark.parametrize("title", CHANGES)
    def test_a_change_is_counted_and_there_after_the_commit(
        self, new_store: NewStore, title: str
    ) -> None:
        store = make(new_store("a"), prepare)
        before, version = snapshot(store), version_of(store)
        session = store.open_write()
        assert session.changes == 0
        assert before == contents_of(session.root)
        assert session.changes == 0
        CHANGES[title](session.root)
        assert session.changes > 0
        changed = contents_of(session.root)
        session.commit()
        assert before != changed
        assert changed == snapshot(new_store("a"))
        assert version is None or version != version_of(store)

    def test_a_change_that_is_rolled_back_leaves_no_trace(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before, version = snapshot(store), version_of(store)
        for title, change in CHANGES.items():
            session = store.open_write()
            change(session.root)
            session.rollback()
            assert before == snapshot(store), title
            assert len(known_versions([version, version_of(store)])) <= 1, title

    def test_a_rollback_undoes_many_changes_to_the_same_things(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        session = store.open_write()
        for title in ("rows overwritten", "an array cut", "an array extended", "rows appended"):
            for _ in range(3):
                CHANGES[title](session.root)
        session.root.array("array").write(0, np.full((7, 3), 9.0))
        for name in KINDS:
            session.root.delete(name)
        prepare(session.root)
        session.root.array("array").append(np.ones((100, 3)))
        session.rollback()
        assert before == snapshot(store)

    def test_random_sessions_leave_what_the_committed_ones_made(self, new_store: NewStore) -> None:
        random = np.random.default_rng(8)
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", np.zeros(0, dtype=np.int64))
        expected: list[int] = []
        for _ in range(30):
            session = store.open_write()
            array, rows = session.root.array("x"), list(expected)
            for _ in range(random.integers(1, 6)):
                new = random.integers(0, 1000, random.integers(0, 40))
                verb = random.integers(3)
                if verb == 0:
                    array.append(new)
                    rows += new.tolist()
                elif verb == 1 and len(new) <= len(rows):
                    start = int(random.integers(0, len(rows) - len(new) + 1))
                    array.write(start, new)
                    rows[start : start + len(new)] = new.tolist()
                else:
                    size = int(random.integers(0, len(rows) + 10))
                    array.resize(size)
                    rows = (rows + [0] * size)[:size]
            assert rows == array.read().tolist()
            if random.random() < 0.5:
                session.commit()
                expected = rows
            else:
                session.rollback()
            with reading(store) as read:
                assert expected == read.array("x").read().tolist()

    def test_a_rolled_back_store_can_be_written_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        session = store.open_write()
        prepare(session.root)
        session.rollback()
        with writing(store) as root:
            prepare(root)
            made = contents_of(root)
        assert made == snapshot(store)

    def test_a_commit_without_changes_changes_nothing(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        store.open_write().commit()
        assert before == snapshot(store)

    def test_two_read_sessions_are_open_at_once(self, new_store: NewStore) -> None:
        store = make(new_store("a"), prepare)
        with reading(store) as first, reading(new_store("a")) as second:
            assert contents_of(first) == contents_of(second)
