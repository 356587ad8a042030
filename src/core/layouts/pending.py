"""A network of which some sets lack rows: calls that are logged, and not carried out yet."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NoReturn, cast

from ...ports.arrays import GroupReader
from ...ports.store import ReadSession, WriteSession
from .protocols import ConnectivityReader, NetworkReader, PlacementReader

# What rows don't change.
_FIXED = ("name", "tag", "pre_type", "post_type", "mirrored")
Targets = frozenset[tuple[str, str]]
"""Parts of the network, and names of sets in them."""


class RowsPendingError(Exception):
    """
    What a session asked for lacks rows, so that the calls have to be carried out first.

    It never leaves this package.

    :param identity: of the store.
    """

    def __init__(self, identity: str) -> None:
        super().__init__(f"rows for '{identity}' are logged, and not stored yet")
        self.identity = identity


class PendingSet:
    """
    A set that lacks rows: what it is can be read, and nothing else.

    :param found: the set, as it is stored.
    :param identity: of the store.
    """

    def __init__(self, found: PlacementReader | ConnectivityReader, identity: str) -> None:
        self._found = found
        self._identity = identity

    def __getattr__(self, name: str) -> Any:
        if name not in _FIXED:
            raise RowsPendingError(self._identity)
        return getattr(self._found, name)


class PendingNetwork:
    """
    The network, as far as it lacks nothing.

    :param network: as it is stored.
    :param targets: the sets that lack rows.
    :param identity: of the store.
    """

    def __init__(self, network: NetworkReader, targets: Targets, identity: str) -> None:
        self._network = network
        self._targets = targets
        self._identity = identity

    def placement(self, name: str, /) -> PlacementReader:
        found = self._network.placement(name)
        if ("placement", name) not in self._targets:
            return found
        return cast(PlacementReader, PendingSet(found, self._identity))

    def connectivity(self, tag: str, /) -> ConnectivityReader:
        found = self._network.connectivity(tag)
        if ("connectivity", tag) not in self._targets:
            return found
        return cast(ConnectivityReader, PendingSet(found, self._identity))

    @property
    def totals(self) -> NoReturn:
        raise RowsPendingError(self._identity)

    @property
    def provenance(self) -> NoReturn:
        # It counts the calls.
        raise RowsPendingError(self._identity)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class PendingSession:
    """
    The session of a store whose network lacks rows.

    :param session: of the store.
    :param identity: of the store.
    """

    def __init__(self, session: ReadSession | WriteSession, identity: str) -> None:
        self._session = session
        self._identity = identity

    @property
    def root(self) -> GroupReader:
        raise RowsPendingError(self._identity)

    @property
    def version(self) -> Hashable | None:
        return self._session.version

    def close(self) -> None:
        """Done by whoever opened it."""


def as_far_as_stored(
    session: ReadSession | WriteSession, network: NetworkReader, targets: Targets, identity: str
) -> tuple[ReadSession, NetworkReader]:
    """What a session shows that raises RowsPendingError for what lacks rows."""
    guarded = PendingNetwork(network, targets, identity)
    return PendingSession(session, identity), cast(NetworkReader, guarded)
