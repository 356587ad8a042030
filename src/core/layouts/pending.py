"""
A network of which some sets lack rows: calls that were logged, and not carried out yet.

Everything can be read but these rows, and what counts them. Where a network is asked for them,
On a RowsPendingError, the session has the calls carried out, and begins again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ...ports.call_log import Mark
from ...ports.store import ReadSession, WriteSession
from .protocols import (
    ConnectivityReader,
    FileReader,
    MorphologyReader,
    NetworkReader,
    PlacementReader,
)
from .unknown import Unknown

Targets = frozenset[tuple[str, str]]
"""Parts of the network, and names of sets in them."""


class RowsPendingError(Exception):
    """
    Rows that a session asked for are logged, so the calls have to be carried out first.

    It never leaves this package.

    :param identity: identity of the store.
    """

    def __init__(self, identity: str) -> None:
        super().__init__(f"rows for '{identity}' are logged, and not stored yet")
        self.identity = identity


class _Pending:
    """
    Something that lacks rows.

    :param identity: identity of the store.
    """

    def __init__(self, identity: str) -> None:
        self._identity = identity

    def _lacks(self, *_: object, **__: object) -> NoReturn:
        """In place of each method that reads rows, or counts them."""
        raise RowsPendingError(self._identity)


class PendingPlacement(_Pending):
    """
    A placement set that lacks rows: only its name can be read.

    :param found: the set, as it is stored.
    """

    def __init__(self, found: PlacementReader, identity: str) -> None:
        super().__init__(identity)
        self.name = found.name

    chunks = counts = label_sets = additional_keys = has_key = history = damage = _Pending._lacks
    read_column = read_morphologies = morphology_names = _Pending._lacks

    @property
    def holes(self) -> NoReturn:
        self._lacks()


class PendingConnectivity(_Pending):
    """
    A connectivity set that lacks rows: only what it connects can be read.

    :param found: the set, as it is stored.
    """

    def __init__(self, found: ConnectivityReader, identity: str) -> None:
        super().__init__(identity)
        self.tag = found.tag
        self.pre_type, self.post_type = found.pre_type, found.post_type
        self.mirrored = found.mirrored

    history = chunk_totals = local_chunks = block_sizes = local_sizes = damage = _Pending._lacks
    read_locals = read_blocks = read_local = _Pending._lacks

    @property
    def count(self) -> NoReturn:
        self._lacks()

    @property
    def holes(self) -> NoReturn:
        self._lacks()


class PendingNetwork(_Pending):
    """
    The network, as far as it lacks nothing.

    :param network: as it is stored.
    :param targets: the sets that lack rows.
    """

    def __init__(self, network: NetworkReader, targets: Targets, identity: str) -> None:
        super().__init__(identity)
        self._network = network
        self._targets = targets

    def placement(self, name: str, /) -> PlacementReader:
        found = self._network.placement(name)
        if ("placement", name) not in self._targets:
            return found
        return PendingPlacement(found, self._identity)

    def connectivity(self, tag: str, /) -> ConnectivityReader:
        found = self._network.connectivity(tag)
        if ("connectivity", tag) not in self._targets:
            return found
        return PendingConnectivity(found, self._identity)

    @property
    def totals(self) -> NoReturn:
        self._lacks()

    @property
    def provenance(self) -> NoReturn:
        # It counts the calls.
        self._lacks()

    @property
    def layout(self) -> str:
        return self._network.layout

    @property
    def chunk_groups(self) -> bool:
        return self._network.chunk_groups

    @property
    def chunk_size(self) -> NDArray[np.float64]:
        return self._network.chunk_size

    @property
    def versions(self) -> tuple[str | None, str | None]:
        return self._network.versions

    @property
    def mark(self) -> Mark | None:
        return self._network.mark

    @property
    def morphologies(self) -> MorphologyReader:
        return self._network.morphologies

    @property
    def files(self) -> FileReader:
        return self._network.files

    def release(self) -> None:
        self._network.release()

    def holds(self, part: str, name: object, /) -> bool:
        return self._network.holds(part, name)

    def is_same(self, name: str, other: str, /) -> bool:
        return self._network.is_same(name, other)

    def placement_names(self) -> tuple[str, ...]:
        return self._network.placement_names()

    def connectivity_tags(self) -> tuple[str, ...]:
        return self._network.connectivity_tags()

    def place(self, part: str, /, *names: str) -> str:
        return self._network.place(part, *names)

    def unknown(self) -> Iterator[Unknown]:
        return self._network.unknown()

    def owns(self, names: Sequence[str], /) -> bool:
        return self._network.owns(names)

    def is_part(self, names: Sequence[str], /) -> bool:
        return self._network.is_part(names)


class PendingSession(_Pending):
    """
    The session of a store whose network lacks rows.

    :param session: session of the store.
    """

    def __init__(self, session: ReadSession | WriteSession, identity: str) -> None:
        super().__init__(identity)
        self._session = session

    @property
    def root(self) -> NoReturn:
        self._lacks()

    @property
    def version(self) -> Hashable | None:
        return self._session.version

    def close(self) -> None:
        """The transaction that opened it closes it."""


def as_far_as_stored(
    session: ReadSession | WriteSession, network: NetworkReader, targets: Targets, identity: str
) -> tuple[ReadSession, NetworkReader]:
    """The network as seen by a session that raises RowsPendingError for sets that lack rows."""
    return PendingSession(session, identity), PendingNetwork(network, targets, identity)
