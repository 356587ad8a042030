"""Which layout a root group is in."""

from __future__ import annotations

from typing import cast

from ...errors import NotANetworkError, StoreError
from ...ports.arrays import GroupReader, GroupWriter
from ..network import Network
from ..recollection import Memory
from .classic.network import ClassicNetwork

_PARTS = ("placement", "connectivity")


def open_network(root: GroupReader, location: str, memory: Memory | None = None) -> Network:
    """
    The network in a root group.

    :param location: of the store, for messages.
    :param memory: what earlier sessions found out about the store.
    :raises NotANetworkError: the group holds no network of a known layout.
    """
    missing = [part for part in _PARTS if not _has_group(root, part)]
    if missing:
        raise NotANetworkError(
            f"'{location}' is no network: it has no group {' and no group '.join(missing)};"
            f" it holds {list(root.names())[:10]}",
            location=location,
        )
    # The writers of a network fail by themselves in a session that only reads.
    return ClassicNetwork(cast(GroupWriter, root), memory)


def _has_group(root: GroupReader, name: str) -> bool:
    try:
        root.group(name)
    except StoreError:
        return False
    return True


def create_network(root: GroupWriter) -> Network:
    """Prepare an empty root group to hold a network."""
    return ClassicNetwork.create(root)
