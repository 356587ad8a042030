"""
The table of a set: which rows of its arrays belong to which chunk.

A table usually only grows. Its state is cached from session to session, so that a session
reads the new end at most. A change of any other kind increments the ``generation``. An
attribute beside the table, the tally, holds the generation, the number of entries, their
checksum and sums over them, and the latest checksums of rows; sessions that only append read
nothing else. A tally whose number of entries is wrong is ignored. The checksum distinguishes
tables that diverged after a common generation, as those of copies do.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import Generic, Protocol, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, NodeNotFoundError
from ....ports.arrays import ArrayWriter, AttributeWriter, GroupWriter
from ....ports.cache import CacheView
from ...min_max import min_max
from .arrays import merge
from .checksums import RecentRecords, SetChecksums, recent_of_new_set
from .groups import TALLY, SetGroup
from .tally import HEAD, StoredTally, tally_of

Entries = NDArray[np.int64]

# Up to this many entries are inserted into a sorted table, which is not sorted again.
FEW_ENTRIES = 64
# The generation of a table whose tally is missing or wrong.
_UNKNOWN = -1


class TableIndex(Protocol):
    """The entries of a table in an order that makes them quick to find."""

    @property
    def table(self) -> Entries:
        """All entries, in the order of the table: (n, width)."""


Names = TypeVar("Names")
Sums = TypeVar("Sums", bound="tuple[int, ...]")
Index = TypeVar("Index", bound=TableIndex)


@attrs.frozen
class Form(Generic[Sums]):
    """
    What is particular to the table of a kind of set.

    :param name: name of the array.
    :param width: integers per entry.
    :param sum_names: of the sums over the entries.
    :param make_sums: of that many integers.
    """

    name: str
    width: int
    sum_names: tuple[str, ...]
    make_sums: Callable[[Iterable[int]], Sums]


@attrs.frozen(eq=False, slots=False)
class TableSnapshot(Generic[Index]):
    """
    Entries of a table from the first on, as they were read or written.

    :param entries: number of entries.
    :param checksum: CRC-32 of their bytes.
    :param index: the index of all entries except those added later; shared by sessions, which do
        not change it.
    :param added: entries added later, in order.
    """

    generation: int
    entries: int
    checksum: int
    index: Index
    added: tuple[Entries, ...] = ()


@attrs.frozen(eq=False, slots=False)
class TableState(Generic[Names, Sums, Index]):
    """
    What is known of a stored table.

    :param generation: incremented by every change but that of adding entries at the end.
    :param entries: number of entries.
    :param checksum: CRC-32 of their bytes.
    :param sums: over the entries.
    :param names: what the set calls by codes in its rows.
    :param snapshot: entries that were read; possibly older than the rest of the state.
    :param recent: the latest checksums of rows, if any are kept.
    """

    generation: int
    entries: int
    checksum: int
    sums: Sums
    names: Names
    snapshot: TableSnapshot[Index] | None
    recent: RecentRecords | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the snapshot has all entries."""
        held = self.snapshot
        return (
            held is not None
            and held.entries == self.entries
            and held.checksum == self.checksum
            and held.generation == self.generation
        )

    @cached_property
    def index(self) -> Index | None:
        """The index of all entries; None if it has yet to be made."""
        held = self.snapshot
        return held.index if held is not None and self.is_complete and not held.added else None

    @property
    def tally(self) -> NDArray[np.int64]:
        """The content of the attribute beside the table."""
        return tally_of((self.generation, self.entries, self.checksum, *self.sums), self.recent)


class TableSource(ABC, Generic[Names, Sums, Index]):
    """
    Where the table of a set is stored, and what its entries mean.

    ``place`` is the group of the set, and ``checksums`` are those of the rows that its entries
    point to.
    """

    form: Form[Sums]
    place: SetGroup
    checksums: SetChecksums
    _array: ArrayWriter | None = None

    @property
    def attributes(self) -> AttributeWriter:
        return self.place.attributes

    @property
    def array(self) -> ArrayWriter:
        """
        The array of entries.

        :raises CorruptNetworkError: it is missing, or of another shape or kind.
        """
        array = self._array
        if array is None:
            array = self._array = self._open()
        return array

    def read(self, start: int, stop: int, names: Names) -> Entries:
        """
        Some entries.

        :raises CorruptNetworkError: they contradict the arrays of the set.
        """
        if stop <= start:
            return np.zeros((0, self.form.width), dtype=np.int64)
        rows = np.ascontiguousarray(self.array.read(start, stop), dtype=np.int64)
        self.check_entries(rows, names)
        return rows

    @abstractmethod
    def read_names(self) -> Names:
        """The names that the codes in the rows of the set stand for."""

    @abstractmethod
    def check_entries(self, entries: Entries, names: Names) -> None:
        """
        Check entries that were read.

        :raises CorruptNetworkError: they contradict the arrays of the set.
        """

    @abstractmethod
    def index(self, entries: Entries) -> Index:
        """An index of entries."""

    def extend(self, index: Index, entries: Entries) -> Index:
        """An index of the entries of another, and of some after them."""
        return self.index(np.concatenate((index.table, entries))) if len(entries) else index

    @abstractmethod
    def count(self, index: Index, names: Names) -> Sums:
        """The sums over the entries of an index."""

    def _open(self) -> ArrayWriter:
        name, width = self.form.name, self.form.width
        try:
            array = self.place.group.array(name)
        except NodeNotFoundError as error:
            raise CorruptNetworkError(f"a set lacks its table '{name}'") from error
        if array.shape[1:] != (width,) or array.dtype.kind not in "iu":
            raise CorruptNetworkError(
                f"the table '{name}' has shape {array.shape} and dtype '{array.dtype}';"
                f" it must be (n, {width}) integers"
            )
        return array


def load_state(
    source: TableSource[Names, Sums, Index], outdated: TableState[Names, Sums, Index] | None
) -> TableState[Names, Sums, Index]:
    """
    The state of a stored table.

    The tally counts only if its number of entries is right: a writer may have been interrupted
    before it stored the tally.

    :param outdated: the state of an earlier version, whose entries need not be read again.
    """
    snapshot = None if outdated is None else outdated.snapshot
    names = source.read_names()
    form = source.form
    tally = StoredTally.of(source.attributes.get(TALLY), len(form.sum_names))
    entries = source.array.shape[0]
    if tally is None or tally.entries != entries:
        index = source.index(source.read(0, entries, names))
        return _state_of(index, names, _UNKNOWN, source.count(index, names))
    generation, checksum = tally.generation, tally.checksum
    if not entries:
        snapshot = TableSnapshot(generation, 0, checksum, source.index(source.read(0, 0, names)))
    sums = form.make_sums(tally.sums)
    return TableState(generation, entries, checksum, sums, names, snapshot, tally.recent)


def complete_state(
    source: TableSource[Names, Sums, Index], state: TableState[Names, Sums, Index]
) -> TableState[Names, Sums, Index]:
    """The same state with the index of all entries, of which only those that are new are read."""
    held, names = state.snapshot, state.names
    if held is not None and held.generation == state.generation:
        new = source.read(held.entries, state.entries, names)
        if zlib.crc32(new.data, held.checksum) == state.checksum:
            index = source.extend(held.index, np.concatenate((*held.added, new)))
            snapshot = TableSnapshot(state.generation, state.entries, state.checksum, index)
            return attrs.evolve(state, snapshot=snapshot)
    index = source.index(source.read(0, state.entries, names))
    # Counts again: another program may have changed the table without its tally.
    sums = source.count(index, names)
    agrees = (state.checksum, state.sums) == (zlib.crc32(index.table.data), sums)
    return _state_of(index, names, state.generation if agrees else _UNKNOWN, sums, state.recent)


class Table(Generic[Names, Sums, Index]):
    """
    The table of a set, for the duration of a session; stored when that ends.

    :param key: key of the state in the cache.
    """

    # Entries that replace the stored ones.
    _replaced: Index | None = None
    # The first and the last entry that differ from the stored ones; None if unknown.
    _amended: tuple[int, int] | None = None
    # Of the entries as they are now.
    _index: Index | None = None

    def __init__(
        self, source: TableSource[Names, Sums, Index], key: Hashable, cache: CacheView
    ) -> None:
        self._source = source
        self._key = key
        self._cache = cache
        self._new: list[Entries] = []
        state: TableState[Names, Sums, Index] | None = cache.get(key)
        if state is None:
            state = load_state(source, cache.get_stale(key))
            cache.put(key, state)
        self._stored = state
        self.sums = state.sums

    @property
    def names(self) -> Names:
        """The names that codes stood for when the session began."""
        return self._stored.names

    @property
    def recent(self) -> RecentRecords | None:
        """The latest checksums of rows when the session began."""
        return self._stored.recent

    @property
    def changed(self) -> bool:
        return bool(self._new) or self._replaced is not None

    @property
    def index(self) -> Index:
        """The index of all entries."""
        found = self._index
        if found is None:
            base = self._stored_index() if self._replaced is None else self._replaced
            if self._new:
                base = self._source.extend(base, np.concatenate(self._new))
            found = self._index = base
        return found

    @property
    def name(self) -> str:
        """The name of the array of entries."""
        return self._source.form.name

    def is_as_tallied(self) -> bool:
        """Whether the stored entries are those that the tally, if there is one, was made of."""
        form = self._source.form
        tally = StoredTally.of(self._source.attributes.get(TALLY), len(form.sum_names))
        entries = np.ascontiguousarray(self._stored_index().table)
        held = len(entries), zlib.crc32(entries.data)
        return tally is None or held == (tally.entries, tally.checksum)

    def add(self, entries: Entries, sums: Sums) -> None:
        """
        Add entries at the end.

        :param entries: (n, width).
        :param sums: over these and those before.
        """
        self._new.append(entries)
        self._index = self._amended = None
        self.sums = sums

    def replace(self, index: Index, sums: Sums) -> None:
        """Store other entries than before."""
        self._new, self._amended = [], None
        self._replaced = self._index = index
        self.sums = sums

    def amend(self, index: Index, where: NDArray[np.int64]) -> None:
        """
        Store as many entries as before, of the same sums.

        :param where: (k,) numbers of the entries that change, at least one.
        """
        first, last = min_max(where)
        before = self._amended
        if before is not None:
            first, last = min(before[0], first), max(before[1], last)
        known = before is not None or not self.changed
        self.replace(index, self.sums)
        self._amended = (first, last) if known else None

    def flush(self, names: Names, recent: RecentRecords | None) -> None:
        """
        Store what changed.

        :param names: what the set calls by codes now, to be cached.
        :param recent: the latest checksums of rows, if any are kept.
        """
        if not self.changed and recent is self._stored.recent and self._is_stored(names):
            return
        if self._replaced is None and self._stored.generation != _UNKNOWN:
            state = self._store_new(names, recent)
        else:
            state = self._store_all(names, recent)
        self._source.attributes.set(TALLY, state.tally)
        self._new, self._replaced, self._amended = [], None, None
        self._stored = state
        self._cache.put(self._key, state)

    def _is_stored(self, names: Names) -> bool:
        """Whether the tally agrees with the entries, and the names with those cached."""
        state = self._stored
        agrees = state.generation != _UNKNOWN and self.sums == state.sums
        return agrees and names is state.names

    def _store_all(
        self, names: Names, recent: RecentRecords | None
    ) -> TableState[Names, Sums, Index]:
        index, array = self.index, self._source.array
        rows = index.table
        if self._amended is not None:
            first, last = self._amended
            array.write(first, rows[first : last + 1])
        else:
            array.resize(len(rows))
            if len(rows):
                array.write(0, rows)
        # One more than that of an unknown generation is the first.
        return _state_of(index, names, self._stored.generation + 1, self.sums, recent)

    def _store_new(
        self, names: Names, recent: RecentRecords | None
    ) -> TableState[Names, Sums, Index]:
        before = self._stored
        if not self._new:
            return attrs.evolve(before, names=names, sums=self.sums, recent=recent)
        new = self._new[0] if len(self._new) == 1 else np.concatenate(self._new)
        self._source.array.append(new)
        checksum = zlib.crc32(new.data, before.checksum)
        entries = before.entries + len(new)
        held = before.snapshot
        if self._index is not None:
            held = TableSnapshot(before.generation, entries, checksum, self._index)
        elif held is not None and before.is_complete:
            added = merge(held.added, new)
            held = TableSnapshot(before.generation, entries, checksum, held.index, added)
        generation = before.generation
        return TableState(generation, entries, checksum, self.sums, names, held, recent)

    def _stored_index(self) -> Index:
        """Of the entries that were there when the session began."""
        index = self._stored.index
        if index is not None:
            return index
        state = complete_state(self._source, self._stored)
        if not self.changed:
            self._cache.put(self._key, state)
            self.sums = state.sums
        self._stored = state
        index = state.index
        assert index is not None
        return index


def inserted(columns: Entries, at: Sequence[int], added: Entries) -> Entries:
    """
    Columns with a few more entries in between.

    :param columns: (w, k).
    :param at: (n,) before which entries, ascending.
    :param added: (w, n).
    """
    # perf: load a chunk after an append; `np.insert` takes several times as long.
    bounds = pairwise([0, *at, columns.shape[1]])
    held = [columns[:, first:last] for first, last in bounds]
    each = [added[:, i : i + 1] for i in range(len(at))]
    return np.concatenate([held[0], *chain.from_iterable(zip(each, held[1:], strict=True))], axis=1)


def entries_of(entries: Entries, columns: tuple[int, int], first: int, end: int) -> Entries:
    """
    The entries that some rows belong to.

    :param columns: which have the first row of an entry, and the number of its rows.
    :param first: of the rows; ``end`` is the row past the last.
    """
    starts, counts = entries[:, columns[0]], entries[:, columns[1]]
    return entries[(starts < end) & (starts + counts > first) & (counts > 0)]


def create_table(group: GroupWriter, form: Form[Sums]) -> None:
    """Prepare an empty table."""
    group.create_array(form.name, np.zeros((0, form.width), dtype=np.int64))


def prepare_tally(group: GroupWriter, form: Form[Sums]) -> None:
    """Prepare the attributes that every session on a set changes."""
    numbers = (0,) * (HEAD + len(form.sum_names))
    group.attributes.set("revision", 0)
    group.attributes.set(TALLY, tally_of(numbers, recent_of_new_set(group)))


def _state_of(
    index: Index,
    names: Names,
    generation: int,
    sums: Sums,
    recent: RecentRecords | None = None,
) -> TableState[Names, Sums, Index]:
    entries, checksum = len(index.table), zlib.crc32(index.table.data)
    snapshot = TableSnapshot(generation, entries, checksum, index)
    return TableState(generation, entries, checksum, sums, names, snapshot, recent)
