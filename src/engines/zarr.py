"""The ``zarr`` engine: a network in a zarr store, which is a directory or lies below a URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import attrs

from .. import engine as _engine
from ..adapters.files.trial import locks_exclude_ranks
from ..adapters.mpi.communicator import ServiceCommunicator
from ..adapters.mpi.lock import MpiLock, make_lock
from ..config import NetworkRoot, Root
from ..config import ZarrStorageNode as StorageNode
from ..connectivity_set import ConnectivitySet
from ..errors import InputError
from ..exceptions import warn_of_slow_lock
from ..file_store import FileStore
from ..morphology_repository import MorphologyRepository
from ..placement_set import PlacementSet
from ..ports.services import NO_OPTIONS

if TYPE_CHECKING:
    from ..adapters.zarr.store import ZarrStore

__all__ = [
    "ConnectivitySet",
    "FileStore",
    "MorphologyRepository",
    "PlacementSet",
    "StorageNode",
    "ZarrEngine",
]


class ZarrEngine(_engine.StorageEngine):
    """
    A network in a zarr store.

    Programs exclude each other in directories. In object stores, a commit is stored completely, or
    refused if another program committed first. Zip archives and published networks are read-only.

    :param root: path of a directory, path of a ``.zip`` to read, or URL (``s3://bucket/name``).
    :param comm: ``bsb.services.mpi.MPIService``.
    :param lock_limit: seconds to wait for other threads, ranks or programs; by default, that of
        the root, or 600.
    :raises InputError: the limit is not a number above 0.
    """

    _format = "zarr"

    def __init__(self, root: Root, comm: _engine.Comm, lock_limit: float | None = None) -> None:
        settings = NetworkRoot.of(root)
        self._version, self._options = settings.version, settings.storage_options
        super().__init__(root, comm, lock_limit)

    def _place_of(self, root: str) -> str:
        place = super()._place_of(root)
        return place if "://" in place else os.path.abspath(place)

    def _make_store(self, root: str) -> ZarrStore:
        options = self._options
        if self.ranks.size > 1:
            # The other ranks have to read what one rank stored.
            options = attrs.evolve(options or NO_OPTIONS, max_age=0.0)
        return _store_class()(root, self._settings.limit, warn_of_slow_lock, self._version, options)

    def _make_communicator(self, comm: _engine.Comm) -> ServiceCommunicator:
        return ServiceCommunicator(comm)

    def _make_lock(self, comm: _engine.Comm) -> MpiLock | None:
        if "://" in self._root:
            return make_lock(comm, self.wait_policy, snapshots=True)
        folder = os.path.dirname(os.path.realpath(self._place))
        return make_lock(
            comm, self.wait_policy, lambda: locks_exclude_ranks(folder, self.ranks, None)
        )

    @property
    def root_slug(self) -> str:
        """The root: a URL, or a path relative to the working directory."""
        root = self._place
        return root if "://" in root else str(os.path.relpath(root))

    @classmethod
    def peek_exists(cls, root: Root) -> bool:
        """Whether anything is at the root."""
        try:
            return isinstance(root, str | os.PathLike) and _store_at(root)(root).exists()
        except InputError:
            # No folder can have such a name; or the URL or its options are wrong.
            if "://" in os.fsdecode(root):
                raise
            return False

    @staticmethod
    def recognizes(root: object, comm: _engine.Comm) -> bool:
        """Whether there is a network in a zarr store at the root."""
        return _engine.recognizes(root, _store_at(root))


def _store_at(root: object) -> Callable[[Root], ZarrStore]:
    """Makes stores with the options that come with a root."""
    options = root.storage_options if isinstance(root, NetworkRoot) else None
    return partial(_store_class(), options=options)


def _store_class() -> type[ZarrStore]:
    # BSB imports every engine to find one: the adapter is loaded when a network is looked for.
    from ..adapters.zarr.store import ZarrStore

    return ZarrStore
