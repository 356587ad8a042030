"""Making storage engines of BSB from stores."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
import uuid
from collections.abc import Callable
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import bsb
from bsb import config
from bsb.config import types

from .. import engine as _engine
from ..adapters.mpi.communicator import ServiceCommunicator
from ..adapters.mpi.lock import MpiLock, make_lock
from ..config import (
    KnownKeys,
    NetworkRoot,
    Root,
    RootAttribute,
    SettingAttribute,
    as_lock_limit,
    plain_root,
)
from ..connectivity_set import ConnectivitySet
from ..core.layouts.detection import LAYOUTS
from ..errors import InputError, SingleProcessError
from ..exceptions import warn_of_slow_lock
from ..file_store import FileStore
from ..morphology_repository import MorphologyRepository
from ..placement_set import PlacementSet
from ..ports.store import Capability, Store
from ..storages import ask_engine

MakeStore: TypeAlias = Callable[..., Store]


class EngineModule(SimpleNamespace):
    """The classes that BSB looks for in the module of an engine, as attributes."""

    StorageNode: type[Any]
    Engine: type[_engine.StorageEngine]


def define_engine(
    name: str,
    store: MakeStore | str,
    *,
    default_root: Callable[[], str] | None = None,
    distribution: str | None = None,
) -> EngineModule:
    """
    Make a storage engine, for an entry point of the group ``bsb.storage.engines``.

    The entry point names what this returns: ``lmdb = "my_package:lmdb_engine"``.

    :param name: name of the engine, as in the entry point and in configurations.
    :param store: class of the store, or ``"module:Class"``, which is imported when it is first
        used: a module that fails to import takes all engines from BSB. It is called with the root,
        a str, and with the keywords ``lock_limit`` (seconds) and ``on_slow`` (called when a lock
        takes long).
    :param default_root: makes the root of a storage that is created without one; by default, a
        unique path in the working directory that ends in the name of the engine.
    :param distribution: name of the distribution of the backend, for provenance; by default, the
        one that contains the module of the store.
    :raises InputError: a store that is neither callable nor ``"module:Class"``.
    """
    make_store, module = _lazy(store)
    members = {
        "_format": name,
        "_open_store": staticmethod(make_store),
        "_distribution": classmethod(lambda cls: _distribution_of(distribution, module)),
        "__doc__": f"A network of the engine '{name}'.",
        "__module__": module,
    }
    root = default_root or (lambda: _default_root(name))
    return EngineModule(
        Engine=type(f"{name.title()}Engine", (DefinedEngine,), members),
        StorageNode=_storage_node(root),
        ConnectivitySet=ConnectivitySet,
        FileStore=FileStore,
        MorphologyRepository=MorphologyRepository,
        PlacementSet=PlacementSet,
    )


class DefinedEngine(_engine.StorageEngine):
    """The engine of a store that :func:`define_engine` was given."""

    _open_store: ClassVar[MakeStore]
    _wanted_layout: str | None = None

    def __init__(self, root: Root, comm: _engine.Comm, lock_limit: float | None = None) -> None:
        self._wanted_layout = NetworkRoot.of(root).layout
        super().__init__(root, comm, lock_limit)

    def _place_of(self, root: str) -> str:
        # The backend decides what a URL may contain.
        return root

    def _make_store(self, root: str) -> Store:
        return self._open_store(root, lock_limit=self._settings.limit, on_slow=warn_of_slow_lock)

    def _make_communicator(self, comm: _engine.Comm) -> ServiceCommunicator:
        return ServiceCommunicator(comm)

    def _make_lock(self, comm: _engine.Comm) -> MpiLock | None:
        ranks = comm.get_size()
        if ranks > 1:
            capabilities = self._make_store(self._root).capabilities
            if Capability.PARALLEL not in capabilities:
                raise SingleProcessError(
                    f"the engine '{self._format}' can't be used by {ranks} ranks:"
                    f" {capabilities.limits[Capability.PARALLEL]} Use a single rank, or the engine"
                    " 'hdf5'",
                    found=ranks,
                    valid=1,
                )
        return make_lock(comm, self.wait_policy)

    def new_layout(self) -> str:
        return self._wanted_layout or self._layout

    @property
    def root_slug(self) -> str:
        """The root: a path relative to the working directory, or anything else as it is."""
        return os.path.relpath(self._root) if os.path.lexists(self._root) else self._root

    @classmethod
    def peek_exists(cls, root: Root) -> bool:
        """Whether anything is at the root; False where the backend can't tell."""
        return _ask(cls, root, lambda: cls._open_store(plain_root(root)).exists())

    @classmethod
    def recognizes(cls, root: object, comm: _engine.Comm) -> bool:
        """Whether there is a network of this backend at the root; False where it can't tell."""
        return _ask(cls, root, lambda: _engine.recognizes(root, cls._open_store))


def _ask(engine: type[_engine.StorageEngine], root: object, question: Callable[[], bool]) -> bool:
    """The answer of a backend; False if it fails, or the root is not one that it can have."""

    def answer() -> bool:
        try:
            return question()
        except InputError:
            # A root of another backend.
            return False

    return ask_engine(engine._format, root, answer)


def _lazy(store: MakeStore | str) -> tuple[MakeStore, str]:
    """A function that makes the store, and the name of its module."""
    if not isinstance(store, str):
        if not callable(store):
            raise InputError(f"a store must be a class or 'module:Class', not {store!r}")
        return store, str(getattr(store, "__module__", __name__))
    module, _, name = store.partition(":")
    if not (module and name):
        raise InputError(f"a store must be a class or 'module:Class', not {store!r}")

    def make_store(*args: Any, **options: Any) -> Store:
        made: Store = getattr(importlib.import_module(module), name)(*args, **options)
        return made

    return make_store, module


def _default_root(name: str) -> str:
    return os.path.abspath(f"scaffold_network_{date.today():%Y_%m_%d}_{uuid.uuid4().hex}.{name}")


def _storage_node(default_root: Callable[[], str]) -> type[Any]:
    """The configuration node of storages of the defined engine."""

    class StorageNode(KnownKeys, bsb.StorageNode):
        root = RootAttribute(type=str, default=default_root, call_default=True)
        layout = SettingAttribute(type=types.in_(LAYOUTS))
        lock_limit = SettingAttribute(type=as_lock_limit)

    made: type[Any] = config.node(StorageNode)
    return made


@cache
def _distribution_of(name: str | None, module: str) -> tuple[str, str]:
    """Name and version of a distribution; the package and no version if it is not installed."""
    package = module.partition(".")[0]
    if name is None:
        found = importlib.metadata.packages_distributions().get(package, [package])
        name = found[0]
    try:
        return name, importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return name, str(getattr(sys.modules.get(package), "__version__", "0"))
