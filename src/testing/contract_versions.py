"""
Versions: a store may return None, sometimes or always, for a version it does not know.

The tests of sessions check that each kind of change makes another version, unless it is undone.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from ..ports.store import Capability
from .contents import (
    make,
    reading,
    require_claim,
    writing,
)
from .contract_samples import (
    NewStore,
    known_versions,
    prepare,
    version_of,
)
from .processes import OtherProcess


class VersionContract:
    """The promises of a store about its versions."""

    def test_sessions_that_see_the_same_are_of_one_version(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        first, second = store.open_read(), new_store("a").open_read()
        versions = [first.version, second.version]
        first.close()
        second.close()
        write = store.open_write()
        versions.append(write.version)
        write.rollback()
        assert len(known_versions([*versions, version_of(store)])) <= 1

    def test_a_version_that_was_rolled_back_does_not_come_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        seen: list[list[Hashable | None]] = [[version_of(store)]]
        for number, keep in enumerate([False, True, False, True]):
            session = store.open_write()
            session.root.attributes.set("number", number)
            if keep:
                session.commit()
                seen.append([])
            else:
                session.rollback()
            seen[-1].append(version_of(store))
        versions = [known_versions(state) for state in seen]
        assert [state for state in versions if len(state) > 1] == []
        assert len(set().union(*versions)) == sum(map(len, versions))

    def test_a_session_that_was_committed_knows_the_version_it_made(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        for number in range(3):
            session = store.open_write()
            session.root.attributes.set("number", number)
            session.commit()
            assert len(known_versions([session.version, version_of(new_store("a"))])) <= 1

    def test_no_two_of_many_quick_commits_are_of_one_version(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", np.zeros(3))
        versions = []
        for number in range(15):
            # In the end as in the beginning, and never of another size.
            with writing(store) as root:
                root.array("x").write(1, np.array([float(number % 2)]))
            versions.append(version_of(store))
            with reading(store) as read:
                assert number % 2 == read.array("x").read()[1]
        assert len(known_versions(versions)) == sum(version is not None for version in versions)

    def test_no_two_commits_of_different_processes_are_of_one_version(
        self, new_store: NewStore
    ) -> None:
        store = new_store("a")
        require_claim(store, Capability.WRITABLE, Capability.PERSISTENT)

        def commit() -> Hashable | None:
            with writing(new_store("a")) as root:
                root.attributes.set("text", "after")
            return version_of(new_store("a"))

        with OtherProcess(commit) as first, OtherProcess(commit) as second:
            make(store, prepare)
            versions = [version_of(store)]
            for other in (first, second):
                theirs = other.result()
                assert len(known_versions([theirs, version_of(store)])) <= 1
                versions += [theirs, commit()]
        assert len(known_versions(versions)) == sum(version is not None for version in versions)

    def test_what_is_made_again_or_moved_here_is_of_another_version(
        self, new_store: NewStore
    ) -> None:
        store, other = make(new_store("a")), make(new_store("b"))
        versions = [version_of(store)]
        for _ in range(2):
            store.remove()
            versions.append(version_of(make(store)))
        store.remove()
        other.move(store.location)
        versions.append(version_of(store))
        assert len(known_versions(versions)) == sum(version is not None for version in versions)
