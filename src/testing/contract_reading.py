"""
Reading a network that exists already, also from a store that can't write one.

``filled_store`` makes the network with the store itself. A suite of a store that only reads
overrides it, and makes the network by other means.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..adapters.memory.store import MemoryCreationSession
from ..errors import NodeNotFoundError, ShapeError, StorageError
from ..ports.arrays import GroupReader
from ..ports.store import Capability, Store
from .contents import contents_of, differing, make, reading, require_claim, snapshot
from .contract_samples import KINDS, SLICES, NewStore, bounds, fill_sample
from .processes import OtherProcess, in_threads


class ReadingContract:
    """The promises of a store to readers."""

    @pytest.fixture
    def filled_store(self, new_store: NewStore) -> Store:
        """A store that holds what ``fill_sample`` writes."""
        return make(new_store("filled"), fill_sample)

    def test_all_that_was_filled_in_is_read(self, filled_store: Store) -> None:
        session = MemoryCreationSession("the sample")
        fill_sample(session.root)
        expected, found = contents_of(session.root), snapshot(filled_store)
        session.rollback()
        assert filled_store.exists()
        assert filled_store.recognizes()
        assert differing(expected, found) == []

    def test_parts_of_what_was_filled_in_are_read(self, filled_store: Store) -> None:
        rows = np.arange(30_000.0).reshape(-1, 3)
        starts = np.random.default_rng(3).permutation(9_990)[:400]
        with reading(filled_store) as read:
            array = read.group("arrays").array("long")
            for start, stop in [*SLICES, (5_000, 9_000), (9_990, 20_000)]:
                assert np.array_equal(rows[start:stop], array.read(start, stop))
            found = array.read_ranges(starts, starts + 10)
            expected = np.concatenate([rows[start : start + 10] for start in starts])
            assert np.array_equal(expected, found)
            with pytest.raises(ShapeError):
                array.read_ranges(*bounds([(9_999, 10_001)]))

    def test_what_was_not_filled_in_is_not_found(self, filled_store: Store) -> None:
        with reading(filled_store) as read:
            assert "missing" not in read
            assert read.attributes.get("missing") is None
            for kind in KINDS:
                with pytest.raises(NodeNotFoundError, match="missing"):
                    getattr(read, kind)("missing")
                with pytest.raises(NodeNotFoundError, match="arrays"):
                    getattr(read, {"group": "array"}.get(kind, kind))("arrays")

    def test_what_was_read_can_be_changed_and_what_was_filled_in_stays(
        self, filled_store: Store
    ) -> None:
        before = snapshot(filled_store)
        with reading(filled_store) as read:
            array = read.group("arrays").array("long")
            array.read()[:] = -1
            array.read_ranges(*bounds([(0, 10_000)]))[:] = -1
            read.attributes.get("numbers")[:] = -1
            assert differing(before, contents_of(read)) == []

    def test_readers_are_open_side_by_side_and_of_one_version(self, filled_store: Store) -> None:
        first, second = filled_store.open_read(), filled_store.open_read(locking=False)
        try:
            assert first.version == second.version
            assert first.root.names() == second.root.names()
        finally:
            first.close()
            second.close()

    def test_threads_read_what_was_filled_in_side_by_side(self, filled_store: Store) -> None:
        expected = repr(snapshot(filled_store))
        found = in_threads(*[lambda: repr(snapshot(filled_store))] * 4)
        assert [expected == each for each in found] == [True] * 4

    def test_another_process_reads_what_was_filled_in(self, filled_store: Store) -> None:
        require_claim(filled_store, Capability.PERSISTENT)
        with OtherProcess(lambda: snapshot(filled_store)) as other:
            assert differing(snapshot(filled_store), other.result()) == []

    def test_a_reader_has_no_verbs_that_change(self, filled_store: Store) -> None:
        with reading(filled_store) as read:
            members: list[Any] = [read, read.array("array"), read.document("document")]
            for member in members:
                assert not hasattr(member.attributes, "set")
                assert not hasattr(member, "append")
                assert not hasattr(member, "create_array")
            assert isinstance(read, GroupReader)

    def test_a_store_that_only_reads_refuses_to_write_and_stays_as_it_is(
        self, filled_store: Store
    ) -> None:
        if Capability.WRITABLE in filled_store.capabilities:
            pytest.skip("A writable store refuses no writes.")
        before = snapshot(filled_store)
        for verb in (filled_store.open_write, filled_store.create, filled_store.remove):
            with pytest.raises(StorageError):
                verb()
        for other in (filled_store.copy, filled_store.move):
            with pytest.raises(StorageError):
                other(f"{filled_store.location}.new")
        assert differing(before, snapshot(filled_store)) == []
