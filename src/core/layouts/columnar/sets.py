"""Common parts of placement and connectivity sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic

import numpy as np

from ...rows import Rows
from ..history import SetHistory, advance_revision, read_history, write_history
from .arrays import LongArray
from .checksums import checked_rows, damaged
from .tables import Index, Names, Sums, Table, TableSource


class ColumnarSet(ABC, Generic[Names, Sums, Index]):
    """
    Long arrays and a table, for the duration of a session.

    :raises SetNotFoundError: the set does not exist.
    """

    _touched = False
    # Sessions that a change of this one stands for.
    _sessions = 1

    def __init__(self, source: TableSource[Names, Sums, Index]) -> None:
        self._place = place = source.place
        self._checksums = source.checksums
        self._table = table = Table(source, place.key, place.network.cache)
        self._names = table.names

    def history(self) -> SetHistory:
        return read_history(self._place.attributes)

    def set_history(self, history: SetHistory) -> None:
        self.flush()
        before = read_history(self._place.attributes).revision or 0
        write_history(self._place.attributes, history)
        self._flush_table(before, history.revision or 0)

    def flush(self) -> None:
        """Store the rows that wait, the names, and last the table; once a session."""
        if not self._touched:
            return
        # Entries and rows with codes that have no name yet could not be read.
        self._store_names()
        for array in self._opened_arrays():
            array.write_out()
        sessions, self._sessions = self._sessions, 1
        revision = advance_revision(self._place.attributes, sessions)
        self._flush_table(revision - sessions, revision)
        self._touched = False

    def count_calls(self, calls: int) -> None:
        """Set how many calls the pending changes are; each counts as a session."""
        self._sessions = calls

    def _flush_table(self, before: int, after: int) -> None:
        """
        Store the table, and the checksums of rows.

        :param before: revision of the set when the session began, and ``after``, from now on.
        """
        recent, numbers = self._table.recent, self._column_numbers()
        self._table.flush(self._names, self._checksums.advance(recent, numbers, before, after))

    def damaged_rows(self, most: int) -> Iterator[tuple[str, int, int]]:
        """
        The rows that do not match their checksums: column, first row, row past the last.

        :param most: rows in memory at a time, unless more were stored at once.
        :raises CorruptNetworkError: the checksums or one of their arrays are damaged.
        """
        revision = read_history(self._place.attributes).revision or 0
        checked = checked_rows(self._place.group, revision)
        for column, number in self._column_numbers().items():
            for each in damaged(checked.get(number, ()), self._reader_of(column), most):
                yield column, each.first, each.end

    def damage(self, most: int) -> Iterator[str]:
        """Where the table or rows in use do not match their checksums, in words."""
        if not self._table.is_as_tallied():
            yield f"'{self._place.name}', {self._table.name}"
        yield from self.damage_of_rows(most)

    @abstractmethod
    def damage_of_rows(self, most: int) -> Iterator[str]:
        """Where rows in use do not match their checksums, as of :meth:`damaged_rows`."""

    def _reader_of(self, column: str) -> Callable[[int, int], Rows]:
        def read(first: int, end: int) -> Rows:
            return self._array_of(column).read_ranges(np.array([first]), np.array([end]))

        return read

    @abstractmethod
    def _array_of(self, column: str) -> LongArray:
        """The array of a column."""

    @abstractmethod
    def _store_names(self) -> None:
        """Store what the set calls by codes, if that changed."""

    @abstractmethod
    def _column_numbers(self) -> Mapping[str, int]:
        """The number of each column that has rows."""

    @abstractmethod
    def _opened_arrays(self) -> Iterable[LongArray]:
        """The arrays that the session used."""

    def _touch(self) -> None:
        self._touched = True
        self._place.network.touch()
