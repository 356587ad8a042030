"""
Storage of BSB networks: the ``hdf5`` engine, and what other engines are made of.

An engine is used through ``bsb.Storage`` or a configuration; the classes here are what
those hand out.
"""

from .connectivity_set import ConnectivitySet
from .engines.hdf5 import HDF5Engine, HDF5SlowLockingWarning, StorageNode
from .file_store import FileStore
from .morphology_repository import MorphologyRepository
from .placement_set import PlacementSet

__all__ = [
    "ConnectivitySet",
    "FileStore",
    "HDF5Engine",
    "HDF5SlowLockingWarning",
    "MorphologyRepository",
    "PlacementSet",
    "StorageNode",
]
