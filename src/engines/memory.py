"""The ``memory`` engine: a network that lasts as long as the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import engine as _engine
from ..adapters.mpi.communicator import ServiceCommunicator
from ..config import MemoryStorageNode as StorageNode
from ..config import Root
from ..connectivity_set import ConnectivitySet
from ..errors import SingleProcessError
from ..file_store import FileStore
from ..morphology_repository import MorphologyRepository
from ..placement_set import PlacementSet

if TYPE_CHECKING:
    from ..adapters.memory.store import MemoryStore

__all__ = [
    "ConnectivitySet",
    "FileStore",
    "MemoryEngine",
    "MorphologyRepository",
    "PlacementSet",
    "StorageNode",
]


class MemoryEngine(_engine.StorageEngine):
    """
    A network in the memory of this process.

    Storages with the same root see the same network.

    :param root: any text, except a URL with credentials, which is meant for another engine.
    :param comm: ``bsb.services.mpi.MPIService``, of one rank.
    :param lock_limit: seconds to wait for other threads; by default, that of the root, or 600.
    :raises SingleProcessError: there are several ranks.
    :raises InputError: the root is a URL with credentials, or the limit is not a number above 0.
    """

    _format = "memory"

    def _make_store(self, root: str) -> MemoryStore:
        return _store_class()(root)

    def _make_communicator(self, comm: _engine.Comm) -> ServiceCommunicator:
        return ServiceCommunicator(comm)

    def _make_lock(self, comm: _engine.Comm) -> None:
        if comm.get_size() > 1:
            raise SingleProcessError(
                f"{comm.get_size()} ranks can't share a network in memory;"
                " use the engine 'hdf5', or a single rank",
                found=comm.get_size(),
                valid=1,
            )

    @property
    def root_slug(self) -> str:
        """The root."""
        return str(self._root)

    @classmethod
    def peek_exists(cls, root: Root) -> bool:
        """Whether there is a network of that root in this process."""
        return _store_class()(str(root)).exists()

    @staticmethod
    def recognizes(root: object, comm: _engine.Comm) -> bool:
        """Whether there is a network of that root in this process."""
        return _engine.recognizes(root, _store_class())


def _store_class() -> type[MemoryStore]:
    # BSB imports every engine to find one: the adapter is loaded when a network is looked for.
    from ..adapters.memory.store import MemoryStore

    return MemoryStore
