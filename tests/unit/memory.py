"""Networks in memory, for tests of what stands on the ports."""

from __future__ import annotations

import uuid

from bsb_hdf5.adapters.memory.arrays import GroupNode, MemoryGroupWriter, UndoLog
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.layouts.classic.placement import ClassicPlacement


def new_root() -> MemoryGroupWriter:
    """An empty root group."""
    return MemoryGroupWriter(GroupNode(), UndoLog())


def new_network() -> ClassicNetwork:
    """An empty network in the classic layout."""
    return ClassicNetwork.create(new_root())


def new_placement(name: str = "granule") -> ClassicPlacement:
    """An empty placement set of a network of its own."""
    network = new_network()
    network.create_placement(name, created_at="now")
    return network.placement(name)


def changes_of(part: ClassicNetwork | ClassicPlacement) -> int:
    """How many changes were written below a network or set."""
    group = part._root if isinstance(part, ClassicNetwork) else part._group
    assert isinstance(group, MemoryGroupWriter)
    return len(group._undo_log.steps)


def new_store() -> MemoryStore:
    """A place where nothing is yet."""
    return MemoryStore(f"test/{uuid.uuid4().hex}")
