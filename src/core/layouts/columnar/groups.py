"""The group of a set, which is looked for when something of it is read or written."""

from __future__ import annotations

from typing import Protocol

from ....ports.arrays import AttributeWriter, GroupWriter
from ....ports.cache import CacheView

TALLY = "tally"
"""The attribute that sums up the table of a set."""


class Holder(Protocol):
    """The network that a set belongs to."""

    @property
    def cache(self) -> CacheView: ...

    def touch(self) -> None: ...

    def group_of(self, part: str, name: str) -> GroupWriter:
        """
        The group of a set.

        :param part: ``placement`` or ``connectivity``.
        :raises SetNotFoundError: the set does not exist.
        """


class SetGroup:
    """
    The group of a set, for the duration of a session.

    A cached table proves that the set exists, so that a session that needs nothing else does
    not open the group.

    :param part: ``placement`` or ``connectivity``.
    :param name: name of the set.
    """

    _group: GroupWriter | None = None
    _attributes: AttributeWriter | None = None

    def __init__(self, network: Holder, part: str, name: str) -> None:
        self.network = network
        self.part = part
        self.name = name
        self.key = "columnar", part, name
        """Of what the cache holds of the set."""

    @property
    def group(self) -> GroupWriter:
        """
        The group itself.

        :raises SetNotFoundError: the set does not exist.
        """
        group = self._group
        if group is None:
            group = self._group = self.network.group_of(self.part, self.name)
        return group

    @property
    def attributes(self) -> AttributeWriter:
        """The attributes of the group."""
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = self.group.attributes
        return attributes
