"""
The table of a set: which rows of its arrays belong to which chunk.

A table only grows, and what is known of it is remembered from session to session, so that a
session reads its new end at most. What changes it any other way gives it another
``generation``. An attribute beside it, the tally, holds sums over the entries, for those who
only add to it; it says of how many entries, and is ignored if there are more or fewer. Its
checksum tells apart tables that went different ways from one generation on, as those of
copies do.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, NodeNotFoundError
from ....ports.arrays import ArrayWriter, AttributeWriter, GroupWriter
from ....ports.cache import CacheView
from ...min_max import min_max
from .arrays import merge

Entries = NDArray[np.int64]

TALLY = "tally"
_HEAD = 3
# Of sums that are not to be trusted.
_UNKNOWN = -1


@attrs.frozen(eq=False, slots=False)
class Held:
    """
    Entries that were read, from the first on.

    :param pieces: of them, in order.
    :param derived: what was computed from them.
    """

    generation: int
    entries: int
    checksum: int
    pieces: tuple[Entries, ...]
    derived: dict[str, Any] = attrs.field(factory=dict)

    def joined(self, width: int) -> Entries:
        """All of them: (n, width)."""
        rows = self.derived.get("rows")
        if rows is None:
            parts = self.pieces
            rows = np.concatenate(parts) if parts else np.zeros((0, width), dtype=np.int64)
            self.derived["rows"] = rows
        return np.asarray(rows)


@attrs.frozen(eq=False, slots=False)
class Known:
    """
    What is known of a table.

    :param generation: which changes when anything but an end is added.
    :param entries: how many.
    :param checksum: CRC-32 of their bytes.
    :param sums: over the entries, as the set defines them.
    :param names: what the set knows by name.
    :param held: entries that were read; perhaps of another generation, or not all.
    """

    generation: int
    entries: int
    checksum: int
    sums: tuple[int, ...]
    names: Any
    held: Held | None


Counted: TypeAlias = tuple[tuple[int, ...], dict[str, Any]]


@attrs.frozen
class Form:
    """
    What is particular to the table of a kind of set.

    :param name: of the array.
    :param width: integers an entry.
    :param sums: how many sums there are.
    """

    name: str
    width: int
    sums: int


class Owner(Protocol):
    """The set that a table belongs to."""

    @property
    def form(self) -> Form: ...

    @property
    def group(self) -> GroupWriter: ...

    @property
    def attributes(self) -> AttributeWriter: ...

    def read_names(self) -> Any:
        """What the set knows by name, from its group."""

    def check_entries(self, entries: Entries, names: Any, /) -> None:
        """Raises CorruptNetworkError for entries that can't be; is told the names too."""

    def count_entries(self, entries: Entries, names: Any, /) -> Counted:
        """
        The sums over all entries, and what was computed from these on the way.

        That is by the name that :meth:`Table.derive` takes.
        """


class Table:
    """
    The table of a set, for the duration of a session; stored when that ends.

    ``sums`` are those of the entries now; whoever adds entries counts them.
    """

    def __init__(self, owner: Owner, key: Hashable, cache: CacheView) -> None:
        self._owner = owner
        self._key = key
        self._cache = cache
        self._new: list[Entries] = []
        self._replaced: Entries | None = None
        # The first and the last that differ from those stored; None if that is not known.
        self._amended: tuple[int, int] | None = None
        self._rows: Entries | None = None
        self._found: ArrayWriter | None = None
        self._know(cache.get(key) or self._read())
        self.sums = list(self._known.sums)

    def _know(self, known: Known) -> None:
        """Take this for what is stored."""
        self._known = known
        held = known.held
        # From entries as they are now; others share it as long as they stay.
        self._derived = {} if held is None or not _is_all(held, known) else held.derived

    @property
    def names(self) -> Any:
        """What the set knew by name when the session began."""
        return self._known.names

    @property
    def changed(self) -> bool:
        return bool(self._new) or self._replaced is not None

    @property
    def rows(self) -> Entries:
        """All entries: (n, width)."""
        if self._rows is None:
            base = self._base() if self._replaced is None else self._replaced
            self._rows = np.concatenate((base, *self._new)) if self._new else base
        return self._rows

    def derive(self, name: str, compute: Callable[[Entries], Any]) -> Any:
        """Something computed from all entries, once as long as they stay the same."""
        found = self._derived.get(name)
        if found is None:
            rows = self.rows
            found = self._derived.get(name)
            if found is None:
                found = self._derived[name] = compute(rows)
        return found

    def add(self, entries: Entries) -> None:
        """Add entries at the end: (n, width)."""
        self._new.append(entries)
        self._rows = self._amended = None
        self._derived = {}

    def replace(self, entries: Entries, counted: Counted) -> None:
        """Store other entries than before."""
        self._new, self._amended = [], None
        self._replaced = self._rows = entries
        sums, self._derived = counted
        self.sums = list(sums)

    def amend(self, entries: Entries, where: NDArray[np.int64], derived: dict[str, Any]) -> None:
        """
        Store as many entries as before, of the same sums.

        :param where: (k,) indices of those that are others, at least one.
        :param derived: what was computed from them, by the name that :meth:`derive` takes.
        """
        first, last = min_max(where)
        before = self._amended
        if before is not None:
            first, last = min(before[0], first), max(before[1], last)
        known = before is not None or not self.changed
        self.replace(entries, (tuple(self.sums), derived))
        self._amended = (first, last) if known else None

    def flush(self, names: Any) -> None:
        """
        Store what changed.

        :param names: what the set knows by name now, to be remembered.
        """
        if not self.changed and self._is_known(names):
            return
        known = self._store_new(names) if self._replaced is None else self._store_all(names)
        tally = (known.generation, known.entries, known.checksum, *known.sums)
        self._owner.attributes.set(TALLY, np.array(tally, dtype=np.int64))
        self._new, self._replaced, self._amended = [], None, None
        self._know(known)
        self._cache.put(self._key, known)

    def _is_known(self, names: Any) -> bool:
        """Whether what is stored beside the entries says what they are, and these names."""
        known = self._known
        told = known.generation != _UNKNOWN and tuple(self.sums) == known.sums
        return told and names is known.names

    def _store_all(self, names: Any) -> Known:
        rows, array = self.rows, self._array
        if self._amended is not None:
            first, last = self._amended
            array.write(first, rows[first : last + 1])
        else:
            array.resize(len(rows))
            if len(rows):
                array.write(0, rows)
        # One more than that of an unknown generation is the first.
        counted = tuple(self.sums), self._derived
        return self._anew(rows, names, self._known.generation + 1, counted)

    def _store_new(self, names: Any) -> Known:
        before = self._known
        sums = tuple(self.sums)
        if before.generation == _UNKNOWN:
            self._replaced = self.rows
            return self._store_all(names)
        if not self._new:
            return attrs.evolve(before, names=names, sums=sums)
        new = self._new[0] if len(self._new) == 1 else np.concatenate(self._new)
        self._array.append(new)
        entries = before.entries + len(new)
        checksum = zlib.crc32(new.data, before.checksum)
        held = before.held
        if held is not None and _is_all(held, before):
            derived = {**self._derived, "rows": self._rows} if self._rows is not None else {}
            pieces = merge(held.pieces, new)
            held = Held(before.generation, entries, checksum, pieces, derived)
        return Known(before.generation, entries, checksum, sums, names, held)

    @property
    def _array(self) -> ArrayWriter:
        if self._found is None:
            self._found = self._open()
        return self._found

    def _open(self) -> ArrayWriter:
        name, width = self._owner.form.name, self._owner.form.width
        try:
            array = self._owner.group.array(name)
        except NodeNotFoundError as error:
            raise CorruptNetworkError(f"a set has no table '{name}'") from error
        if array.shape[1:] != (width,) or array.dtype.kind not in "iu":
            raise CorruptNetworkError(
                f"the table '{name}' has shape {array.shape} and dtype '{array.dtype}';"
                f" valid are (n, {width}) integers"
            )
        return array

    def _read(self) -> Known:
        """What the attributes say; whoever wrote may have been interrupted before them."""
        outdated = self._cache.get_stale(self._key)
        held = None if outdated is None else outdated.held
        owner = self._owner
        names = owner.read_names()
        tally = owner.attributes.get(TALLY)
        entries = self._array.shape[0]
        if _is_tally(tally, _HEAD + owner.form.sums) and int(tally[1]) == entries:
            generation, _, checksum, *sums = tally.tolist()
            held = held if entries else Held(generation, 0, checksum, ())
            known = Known(generation, entries, checksum, tuple(sums), names, held)
        else:
            rows = self._read_rows(0, entries, names)
            known = self._anew(rows, names, _UNKNOWN, owner.count_entries(rows, names))
        self._cache.put(self._key, known)
        return known

    def _anew(self, rows: Entries, names: Any, generation: int, counted: Counted) -> Known:
        checksum = zlib.crc32(rows.data)
        sums, derived = counted
        held = Held(generation, len(rows), checksum, (rows,), {**derived, "rows": rows})
        return Known(generation, len(rows), checksum, sums, names, held)

    def _base(self) -> Entries:
        """The entries that were there when the session began."""
        known = self._known
        if known.held is None or not _is_all(known.held, known):
            known = self._catch_up(known)
            if self.changed:
                self._known = known
            else:
                self._know(known)
                self._cache.put(self._key, known)
                self.sums = list(known.sums)
        assert known.held is not None
        return known.held.joined(self._owner.form.width)

    def _catch_up(self, known: Known) -> Known:
        held = known.held
        if held is not None and held.generation == known.generation:
            new = self._read_rows(held.entries, known.entries, known.names)
            if zlib.crc32(new.data, held.checksum) == known.checksum:
                pieces = merge(held.pieces, new)
                caught = Held(known.generation, known.entries, known.checksum, pieces)
                return attrs.evolve(known, held=caught)
        rows = self._read_rows(0, known.entries, known.names)
        # Counts again: somebody may have changed the table without its tally.
        counted = self._owner.count_entries(rows, known.names)
        told = (known.checksum, known.sums) == (zlib.crc32(rows.data), counted[0])
        return self._anew(rows, known.names, known.generation if told else _UNKNOWN, counted)

    def _read_rows(self, start: int, stop: int, names: Any) -> Entries:
        if stop <= start:
            return np.zeros((0, self._owner.form.width), dtype=np.int64)
        rows = np.ascontiguousarray(self._array.read(start, stop), dtype=np.int64)
        self._owner.check_entries(rows, names)
        return rows


def create_table(group: GroupWriter, form: Form) -> None:
    """Prepare an empty table."""
    group.create_array(form.name, np.zeros((0, form.width), dtype=np.int64))


def prepare_tally(group: GroupWriter, form: Form) -> None:
    """Prepare the attributes that every session on a set changes."""
    group.attributes.set("revision", 0)
    group.attributes.set(TALLY, np.zeros(_HEAD + form.sums, dtype=np.int64))


def _is_all(held: Held, known: Known) -> bool:
    return (
        held.generation == known.generation
        and held.entries == known.entries
        and held.checksum == known.checksum
    )


def _is_tally(value: Any, size: int) -> bool:
    return isinstance(value, np.ndarray) and value.shape == (size,) and value.dtype.kind == "i"
