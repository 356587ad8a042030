"""The ``hdf5`` engine: a network in an HDF5 file."""

from __future__ import annotations

from typing import Any

from .. import engine as _engine
from ..adapters.hdf5.store import Hdf5Settings, Hdf5Store
from ..adapters.mpi.communicator import ServiceCommunicator
from ..adapters.mpi.lock import MpiLock, SerialLock, make_lock
from ..config import StorageNode
from ..connectivity_set import ConnectivitySet
from ..exceptions import HDF5SlowLockingWarning, warn_of_slow_lock
from ..file_store import FileStore
from ..morphology_repository import MorphologyRepository
from ..placement_set import PlacementSet

__all__ = [
    "ConnectivitySet",
    "FileStore",
    "HDF5Engine",
    "HDF5SlowLockingWarning",
    "MorphologyRepository",
    "PlacementSet",
    "StorageNode",
]


class HDF5Engine(_engine.StorageEngine):
    """
    A network in an HDF5 file.

    :param root: path of the file.
    :param comm: ``bsb.services.mpi.MPIService``.
    """

    _format = "hdf5"

    def _make_store(self, root: Any) -> Hdf5Store:
        return Hdf5Store(root, Hdf5Settings(on_slow=warn_of_slow_lock))

    def _make_communicator(self, comm: Any) -> ServiceCommunicator:
        return ServiceCommunicator(comm)

    def _make_lock(self, comm: Any) -> MpiLock | SerialLock:
        return make_lock(comm)

    @staticmethod
    def recognizes(root: Any, comm: Any) -> bool:
        """Whether there is a network in an HDF5 file at the root."""
        return _engine.recognizes(Hdf5Store(root))
