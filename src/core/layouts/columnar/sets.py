"""What placement and connectivity sets have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic

from ..history import SetHistory, advance_revision, read_history, write_history
from .arrays import LongArray
from .tables import Index, Names, Sums, Table, TableSource


class ColumnarSet(ABC, Generic[Names, Sums, Index]):
    """
    Long arrays and a table, for the duration of a session.

    :raises SetNotFoundError: the set does not exist.
    """

    def __init__(self, source: TableSource[Names, Sums, Index]) -> None:
        self._place = source.place
        self._touched = False
        key = ("columnar", self._place.part, self._place.name)
        self._table = Table(source, key, self._place.network.cache)
        self._names = self._table.names

    def history(self) -> SetHistory:
        return read_history(self._place.attributes)

    def set_history(self, history: SetHistory) -> None:
        write_history(self._place.attributes, history)

    def flush(self) -> None:
        """Store the rows that wait, the names, and last the table; once a session."""
        if not self._touched:
            return
        # Entries and rows of codes that have no name yet could not be read.
        self._store_names()
        for array in self._opened_arrays():
            array.write_out()
        self._table.flush(self._names)
        advance_revision(self._place.attributes)
        self._touched = False

    @abstractmethod
    def _store_names(self) -> None:
        """Store what the set calls by codes, if that changed."""

    @abstractmethod
    def _opened_arrays(self) -> Iterable[LongArray]:
        """The arrays that the session used."""

    def _touch(self) -> None:
        self._touched = True
        self._place.network.touch()
