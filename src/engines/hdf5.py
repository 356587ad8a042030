"""The ``hdf5`` engine: a network in an HDF5 file."""

from __future__ import annotations

import os
import warnings

from .. import engine as _engine
from ..adapters.files.locking import HDF5_SWITCH, is_switched_off
from ..adapters.files.trial import locks_exclude_ranks
from ..adapters.hdf5.file_opener import Hdf5Settings
from ..adapters.hdf5.store import Hdf5Store
from ..adapters.mpi.communicator import ServiceCommunicator
from ..adapters.mpi.lock import MpiLock, make_lock
from ..config import DURABILITIES, NetworkRoot, Root, StorageNode, plain_root
from ..connectivity_set import ConnectivitySet
from ..core.layouts.detection import check_layout
from ..errors import InputError
from ..exceptions import (
    HDF5SlowLockingWarning,
    HiddenRowsWarning,
    LayoutKeptWarning,
    callers_stacklevel,
    warn_of_hidden_rows,
    warn_of_slow_lock,
)
from ..file_store import FileStore
from ..morphology_repository import MorphologyRepository
from ..placement_set import PlacementSet
from ..ports.services import is_url
from ..ports.store import Store
from ..storage_options import DurabilityOption, LayoutOption, value_of
from ..transactions.contention import Contention
from ..transactions.interrupts import without_interrupts
from ..transactions.staging import Staging

__all__ = [
    "ConnectivitySet",
    "FileStore",
    "HDF5Engine",
    "HDF5SlowLockingWarning",
    "HiddenRowsWarning",
    "MorphologyRepository",
    "PlacementSet",
    "StorageNode",
]


# Disables the logging of small calls of several ranks.
STAGING_VARIABLE = "BSB_HDF5_STAGING"
# BSB takes what is raised while it looks an option up, also by the handler of a signal, for a
# failure of the option, and goes on.
_value_of = without_interrupts(value_of)


class HDF5Engine(_engine.StorageEngine):
    """
    A network in an HDF5 file.

    :param root: path of the file.
    :param comm: ``bsb.services.mpi.MPIService``.
    :param layout: layout of a new file, ``classic`` or ``columnar``; by default, that of the root
        (:class:`~bsb_hdf5.config.NetworkRoot`), of BSB's option ``hdf5_layout``, or ``classic``.
    :param durability: ``process`` or ``power``: what the changes of a session survive; by default,
        that of the root, of BSB's option ``hdf5_durability``, or ``process``.
    :param lock_limit: seconds to wait for other threads, ranks or programs; by default, that of
        the root, or 600.
    :raises InputError: the layout or durability is another one, also where it is overruled, or the
        limit is not a number above 0.
    """

    _format = "hdf5"
    _layout = "classic"

    def __init__(
        self,
        root: Root,
        comm: _engine.Comm,
        layout: str | None = None,
        durability: str | None = None,
        lock_limit: float | None = None,
    ) -> None:
        settings = NetworkRoot.of(root)
        layouts = layout, settings.layout, _value_of(LayoutOption)
        durabilities = durability, settings.durability, _value_of(DurabilityOption)
        # Also those that others overrule, as they are mistakes.
        for each in filter(None, layouts):
            check_layout(each)
        for each in filter(None, durabilities):
            _check_durability(each)
        self._wanted_layout = layout or settings.layout
        self._durability = next(filter(None, durabilities), DURABILITIES[0])
        self._has_warned = False
        super().__init__(root, comm, lock_limit)

    def new_layout(self) -> str:
        """The layout of a network that is made."""
        return self._wanted_layout or _value_of(LayoutOption) or self._layout

    def _check_network(self) -> None:
        super()._check_network()
        wanted = self._wanted_layout
        # BSB boots the configuration again as it compiles.
        if wanted is None or self._has_warned:
            return
        if not self.exists() or (found := self.layout) == wanted:
            return
        self._has_warned = True
        warnings.warn(
            f"'{self._root}' stays in the {found} layout unless it is cleared: 'layout: {wanted}'"
            " applies to new and cleared files. To change the layout, call"
            f" bsb_hdf5.convert({str(self._root)!r}, TARGET, layout={wanted!r})",
            LayoutKeptWarning,
            stacklevel=callers_stacklevel(),
        )

    def _place_of(self, root: str) -> str:
        place = super()._place_of(root)
        if is_url(place):
            raise InputError(
                f"'{place}' is a URL, and the engine 'hdf5' stores networks in files;"
                " pass the path of a file, or use the engine 'zarr'",
                asked=root,
            )
        return os.path.abspath(place)

    def _make_store(self, root: str) -> Hdf5Store:
        settings = Hdf5Settings(
            lock_limit=self._settings.limit,
            on_slow=warn_of_slow_lock,
            durable=self._durability == "power",
        )
        return Hdf5Store(root, settings)

    def _make_communicator(self, comm: _engine.Comm) -> ServiceCommunicator:
        return ServiceCommunicator(comm)

    def _make_lock(self, comm: _engine.Comm) -> MpiLock | None:
        folder = os.path.dirname(os.path.realpath(self._place))
        made = make_lock(
            comm, self.wait_policy, lambda: locks_exclude_ranks(folder, self.ranks, HDF5_SWITCH)
        )
        self._has_file_locks = made is None and not is_switched_off(HDF5_SWITCH)
        return made

    def _make_staging(self, store: Store) -> Staging:
        assert isinstance(store, Hdf5Store)
        staging = Staging(store.calls, warn_of_hidden_rows)
        wanted = os.environ.get(STAGING_VARIABLE, "").upper() not in ("0", "FALSE", "OFF")
        # With durability 'power', changes are in the file before a call returns.
        is_durable = self._durability == "power"
        if wanted and self._has_file_locks and not is_durable and store.calls.is_nameable:
            if self.ranks.size > 1:
                staging.shares = True
            else:
                staging.contention = Contention()
        return staging

    @staticmethod
    def was_interrupted(root: object) -> bool:
        """Whether the file ends in the journal of a program that was killed as it committed."""
        try:
            return Hdf5Store(plain_root(root)).was_interrupted()
        except InputError:
            # No file can have such a name.
            return False

    @staticmethod
    def recognizes(root: object, comm: _engine.Comm) -> bool:
        """Whether there is a network in an HDF5 file at the root."""
        return _engine.recognizes(root, Hdf5Store)


def _check_durability(durability: str) -> None:
    if durability not in DURABILITIES:
        raise InputError(
            f"durability must be one of {DURABILITIES}, not {durability!r}",
            asked=durability,
            valid=DURABILITIES,
        )
