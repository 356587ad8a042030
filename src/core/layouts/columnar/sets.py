"""What placement and connectivity sets have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

from ....ports.arrays import AttributeWriter, GroupWriter
from ....ports.cache import CacheView
from ..history import SetHistory, advance_revision, read_history, write_history
from .arrays import LongArray
from .tables import Counted, Entries, Form, Table


class Holder(Protocol):
    """The network that a set belongs to."""

    @property
    def cache(self) -> CacheView: ...

    def touch(self) -> None: ...

    def group_of(self, part: str, name: str) -> GroupWriter:
        """
        The group of a set.

        :param part: ``placement`` or ``connectivity``.
        :raises SetNotFoundError: there is none of that name.
        """


class ColumnarSet(ABC):
    """
    Long arrays and a table, for the duration of a session.

    What is remembered of the table says that the set is there, so that its group is looked
    for only when something of it is read or written.

    :raises SetNotFoundError: there is no such set.
    """

    part: ClassVar[str]
    form: ClassVar[Form]

    def __init__(self, name: str, network: Holder) -> None:
        self._name = name
        self._network = network
        self._group: GroupWriter | None = None
        self._attributes: AttributeWriter | None = None
        self._touched = False
        self._arrays: dict[str, LongArray] = {}
        self._table = Table(self, ("columnar", self.part, name), network.cache)

    @property
    def group(self) -> GroupWriter:
        """The group of the set."""
        if self._group is None:
            self._group = self._network.group_of(self.part, self._name)
        return self._group

    @property
    def attributes(self) -> AttributeWriter:
        """Those of the group."""
        if self._attributes is None:
            self._attributes = self.group.attributes
        return self._attributes

    @abstractmethod
    def read_names(self) -> Any:
        """What the set knows by name."""

    @abstractmethod
    def check_entries(self, entries: Entries, names: Any) -> None:
        """
        Check entries that were read.

        :raises CorruptNetworkError: they can't be.
        """

    @abstractmethod
    def count_entries(self, entries: Entries, names: Any) -> Counted:
        """The sums over all entries, and what was computed from these on the way."""

    def history(self) -> SetHistory:
        return read_history(self.attributes)

    def set_history(self, history: SetHistory) -> None:
        write_history(self.attributes, history)

    def flush(self) -> None:
        """Store the rows that wait, the names, and last the table; once a session."""
        if not self._touched:
            return
        # Entries and rows of codes that have no name yet could not be read.
        names = self._store_names()
        for array in self._arrays.values():
            array.write_out()
        self._table.flush(names)
        advance_revision(self.attributes)
        self._touched = False

    @abstractmethod
    def _store_names(self) -> Any:
        """Store what the set knows by name, if that changed; returns it."""

    def _touch(self) -> None:
        self._touched = True
        self._network.touch()
