"""
The engine behind a BSB ``Storage``.

It is written once for every backend; a module of ``engines`` gives it a store. All MPI ranks
have to call a collective operation; a single rank may call any other.
"""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeAlias, TypeVar

import bsb
from bsb.storage.provenance import build_root_metadata

from .config import LOCK_LIMIT, NetworkRoot, Root, as_lock_limit, check_new_root, plain_root
from .core.json_types import Document
from .core.layouts.detection import create_network, open_network
from .core.layouts.protocols import NetworkReader, NetworkWriter
from .core.provenance import WriterInfo
from .errors import (
    InputError,
    LockTimeoutError,
    StorageError,
    StoreError,
    StoreExistsError,
    StoreIOError,
)
from .exceptions import as_bsb, callers_stacklevel, raise_as_bsb, warn_of_slow_lock
from .placement_set import PlacementSet
from .ports.arrays import GroupWriter
from .ports.communicator import Communicator
from .ports.lock import Lock
from .ports.services import ServiceOptions, check_alone, is_url
from .ports.store import KeepsOpen, Store, Versioned
from .transactions.deadline import WaitPolicy
from .transactions.interrupts import without_interrupts
from .transactions.session import Session
from .transactions.sessions import Sessions
from .transactions.staging import Staging
from .transactions.store_lock import LockSettings
from .transactions.transaction import TransactionContext

T = TypeVar("T")
Comm: TypeAlias = Any
"""BSB's ``MPIService``, which only the MPI adapter imports."""


def as_versioned(store: Store) -> Versioned:
    """
    A store that keeps versions.

    :raises StoreError: it keeps none.
    """
    if isinstance(store, Versioned) and store.has_versions:
        return store
    raise StoreError(
        f"'{store.location}' keeps no versions; networks in object stores do:"
        " engine 'zarr' with a URL such as s3://bucket/name",
        location=store.location,
    )


class ReadOnly:
    """Read-only mode of an engine, until the block ends."""

    def __init__(self, engine: StorageEngine, before: bool) -> None:
        self._engine = engine
        self._before = before

    def __enter__(self) -> None:
        self._engine._readonly = True

    def __exit__(self, *_: object) -> None:
        self._engine._readonly = self._before


class StorageEngine(bsb.Engine):
    """
    A storage.

    :param root: path, URL or name of the storage; every rank uses that of rank 0.
    :param comm: BSB's MPI service.
    :param lock_limit: seconds to wait for other threads, ranks or programs; by default, that of
        the root (:class:`~bsb_hdf5.config.NetworkRoot`), or 600.
    :raises InputError: the limit is not a number above 0.
    :raises StoreError: the root comes with a version, and the store keeps none.
    """

    _format = ""
    _root: str
    _place: str
    # The layout of new networks.
    _layout = "columnar"
    # The options of the service of a URL.
    _options: ServiceOptions | None = None

    def __init__(self, root: Root, comm: Comm, lock_limit: float | None = None) -> None:
        settings = NetworkRoot.of(root)
        given = settings.lock_limit if lock_limit is None else lock_limit
        limit = LOCK_LIMIT if given is None else as_lock_limit(given)
        self._settings = LockSettings(limit=limit, on_slow=warn_of_slow_lock)
        super().__init__(root, comm)
        self._connect()
        self._point_to(plain_root(self._root))
        if settings.version is not None:
            as_versioned(self.sessions.store)

    def _make_store(self, root: str) -> Store:
        """The store at a root."""
        raise NotImplementedError

    def _make_communicator(self, comm: Comm) -> Communicator:
        """The ranks that share the storage."""
        raise NotImplementedError

    def _make_lock(self, comm: Comm) -> Lock | None:
        """:guilabel:`collective` What keeps the ranks apart; None if nothing has to."""
        raise NotImplementedError

    @property
    def wait_policy(self) -> WaitPolicy:
        """How ranks wait for each other."""
        settings = self._settings
        return WaitPolicy(settings.limit, settings.on_slow, lambda: str(self._root))

    def _place_of(self, root: str) -> str:
        """
        Where a root is, whatever the working directory will be.

        :raises InputError: it is a URL that comes with credentials, which errors would show.
        """
        if is_url(root):
            check_alone(root, "root")
        return root

    def _connect(self) -> None:
        self.ranks = self._make_communicator(self._comm)

    def _point_to(self, root: str) -> None:
        # A relative path is relative to the working directory of rank 0.
        self._root, self._place = root, self.ranks.on_main(lambda: self._place_of(root))
        self._open()

    def _open(self) -> None:
        root = self._root
        # The store checks its root first.
        store, ranks = self._make_store(self._place), self._make_lock(self._comm)
        staging = self._make_staging(store)
        self.sessions = Sessions(
            TransactionContext(
                store, ranks, open_network, self._writer(), self._settings, root, staging
            )
        )

    def _make_staging(self, store: Store) -> Staging | None:
        """The calls that are logged beside a store, where it has that."""
        return None

    def _writer(self) -> WriterInfo:
        return WriterInfo(*self._writer_versions(), self.new_bundle, self._announce_upgrade)

    @classmethod
    def _distribution(cls) -> tuple[str, str]:
        """Name and version of the distribution that the engine belongs to."""
        return "bsb-hdf5", _version_of("bsb-hdf5")

    @classmethod
    def _writer_versions(cls) -> tuple[str, str]:
        """The versions of bsb-core and of the engine."""
        return _version_of("bsb-core"), cls._distribution()[1]

    def new_bundle(self) -> Document:
        """The provenance of a network that is made now."""
        try:
            bundle: Document = build_root_metadata(
                engine_name=self._format,
                engine_version=self._distribution()[1],
                mpi_size=self.ranks.size,
            )
        except OSError as error:
            # If too many files are open, the packages can't be looked up.
            raise StoreIOError(
                f"the versions of the installed packages can't be read: {error.strerror}",
                errno=error.errno,
            ) from error
        return bundle

    def _announce_upgrade(self) -> None:
        warnings.warn(
            f"'{self._root}' had no provenance; it was given a new identity",
            bsb.BsbProvenanceUpgradeWarning,
            stacklevel=callers_stacklevel(),
        )

    @property
    def _readonly(self) -> bool:
        return self._settings.read_only

    @_readonly.setter
    def _readonly(self, value: bool) -> None:
        self._settings.read_only = value

    @without_interrupts
    def set_comm(self, comm: Comm) -> None:
        """:guilabel:`collective` Share the storage with other ranks from now on."""
        super().set_comm(comm)
        self._connect()
        self._open()

    @property
    def versions(self) -> dict[str, str | None]:
        """Versions of bsb-core (``bsb``) and of the engine (``version``) that wrote last."""
        bsb_version, engine_version = self._read(lambda network: network.versions)
        return {"bsb": bsb_version, "engine": self._distribution()[0], "version": engine_version}

    @property
    def metadata(self) -> Document:
        """The provenance document; empty if the storage has none, or does not exist."""
        if not self.exists():
            return {}
        return self._read(lambda network: network.provenance)

    @without_interrupts
    def _bump_state(self) -> None:
        """:guilabel:`collective` Count a change that nothing else counts."""
        if self._readonly:
            return
        self.ranks.on_main(lambda: self._write(lambda network: network.touch()))

    @property
    def root_slug(self) -> str:
        """The root, relative to the working directory."""
        return str(os.path.relpath(self._place))

    @without_interrupts
    def exists(self) -> bool:
        """Whether anything lies at the root."""
        return self.sessions.store.exists()

    @without_interrupts
    def create(self) -> None:
        """
        :guilabel:`collective` Make an empty storage; one that exists stays as it is.

        :raises NotANetworkError: there is something else at the root.
        """
        self.ranks.on_main(self._create)

    def _create(self) -> None:
        if not self.exists():
            try:
                self.sessions.create(self._fill)
                return
            except StoreExistsError:
                # Another program, or thread, made it meanwhile.
                pass
        self._read(lambda network: None)

    def _fill(self, root: GroupWriter) -> NetworkWriter:
        network = create_network(root, self.new_layout())
        self.stamp(network)
        return network

    def stamp(self, network: NetworkWriter) -> None:
        """Give a network that is made an identity, and the versions that it is made with."""
        network.set_provenance(self.new_bundle())
        network.set_versions(*self._writer_versions())

    def check_network(self) -> None:
        """
        :guilabel:`collective` Look at what lies at the root, before anything is built on it.

        :raises NotANetworkError: it is not a network.
        """
        self.ranks.on_main(self._check_network)

    def _check_network(self) -> None:
        if self.exists():
            self._read(lambda network: None)

    @staticmethod
    def was_interrupted(root: object) -> bool:
        """Whether a program was killed as it stored changes, and they wait to be completed."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self._root}'>"

    def new_layout(self) -> str:
        """The layout of a network that is made."""
        return self._layout

    @property
    def layout(self) -> str:
        """The layout of the stored network: ``classic`` or ``columnar``."""
        return self._read(lambda network: network.layout)

    @property
    def limits(self) -> dict[str, str]:
        """What the storage can't do, or not everywhere: a sentence for each such capability."""
        limits = self.sessions.store.capabilities.limits
        return {str(capability): sentence for capability, sentence in limits.items()}

    @without_interrupts
    def copy(self, new_root: Root) -> None:
        """
        :guilabel:`collective` Copy the storage to another root, completely or not at all.

        :raises StoreExistsError: there is something at the other root.
        :raises InputError: it comes with a version or with other storage options.
        """
        self._check_target(new_root)
        self.ranks.on_main(lambda: self._copy(plain_root(new_root)))

    def _check_target(self, new_root: Root) -> None:
        """
        Check that a root is one that a store copies its network to.

        :raises InputError: it comes with a version, or is reached in another way than this one.
        """
        check_new_root(new_root)
        root = NetworkRoot.of(new_root)
        self._place_of(str(root))
        if root.storage_options not in (None, self._options):
            raise InputError(
                f"'{root}' comes with other storage_options than '{self._root}',"
                " which copy and move do not use; use bsb_hdf5.convert",
                asked=new_root,
            )

    def _copy(self, new_root: str) -> None:
        with self.sessions.hold_shared():
            self.sessions.store.copy(new_root)

    @without_interrupts
    def move(self, new_root: Root) -> None:
        """
        :guilabel:`collective` Move the storage to another root.

        :raises StoreExistsError: there is something at the other root.
        :raises InputError: it comes with a version or with other storage options.
        """
        self._check_target(new_root)
        self.ranks.on_main(lambda: self._move(plain_root(new_root)))
        self._point_to(plain_root(new_root))

    def _move(self, new_root: str) -> None:
        with self.sessions.hold_exclusive():
            self.sessions.store.move(new_root)

    @without_interrupts
    def remove(self) -> None:
        """
        :guilabel:`collective` Delete the storage and everything in it.

        :raises StoreNotFoundError: there is no storage.
        """
        self.ranks.on_main(self._remove)

    def _remove(self) -> None:
        layout = self._stored_layout()
        with self.sessions.hold_exclusive(settled=False):
            self.sessions.store.remove()
        # BSB clears a network by removing it and making another, which gets the same layout.
        self._layout = layout or self._layout

    def _stored_layout(self) -> str | None:
        """The layout of the stored network; None if it can't be told."""
        try:
            return self.layout
        except LockTimeoutError:
            raise
        except StorageError:
            return None

    @without_interrupts
    def require_placement_set(self, ct: bsb.CellType) -> PlacementSet:
        """:guilabel:`collective` The placement set of a cell type, made if it is absent."""
        self.ranks.on_main(lambda: self._require_placement(ct))
        return PlacementSet(self, ct)

    def _require_placement(self, ct: bsb.CellType) -> None:
        # The set itself can't be sent to the other ranks.
        PlacementSet.require(self, ct)

    @without_interrupts
    def clear_placement(self) -> None:
        """:guilabel:`collective` Remove all placement sets."""
        self.ranks.on_main(lambda: self._write(lambda network: network.clear_placement()))

    @without_interrupts
    def clear_connectivity(self) -> None:
        """:guilabel:`collective` Remove all connectivity sets."""
        self.ranks.on_main(lambda: self._write(lambda network: network.clear_connectivity()))

    def get_chunk_stats(self) -> dict[str, Document]:
        """
        Cells (``placed``) and ``connections`` (``inc`` and ``out``) of each chunk that has any, by
        its id.
        """
        return self._read(lambda network: network.totals.of_held())

    def read_only(self) -> ReadOnly:
        """
        Enter read-only mode, in which nothing is locked and nothing written, until the end of a
        ``with`` block, or until ``readwrite``.
        """
        before, self._readonly = self._readonly, True
        return ReadOnly(self, before)

    @without_interrupts
    def close(self) -> None:
        """
        Close the files that are kept open between calls; the next call opens them again.

        Files that a scope is using stay open.
        """
        store = self.sessions.store
        if isinstance(store, KeepsOpen):
            store.let_go()

    def read_scope(self) -> AbstractContextManager[Session]:
        """
        One session for all reads of a block. A write within it is stored at once, and later reads
        see it.
        """
        return as_bsb(self.sessions.scope(write=False))

    def write_scope(self) -> AbstractContextManager[Session]:
        """
        One session for all reads and writes of a block: they are stored when the outermost
        scope ends, or not at all if it raises.
        """
        return as_bsb(self.sessions.scope(write=True))

    def _read(self, ask: Callable[[NetworkReader], T]) -> T:
        return self._run(lambda session: ask(session.network), write=False)

    def _write(self, change: Callable[[NetworkWriter], T]) -> T:
        return self._run(lambda session: change(session.network_writer), write=True)

    def _run(self, operation: Callable[[Session], T], *, write: bool) -> T:
        try:
            return self.sessions.run(operation, write=write)
        except StorageError as error:
            raise_as_bsb(error)


@without_interrupts
def recognizes(root: object, make_store: Callable[[str], Store]) -> bool:
    """
    Whether there is a network at a root.

    :param root: anything.
    :param make_store: makes the store at a root.
    """
    try:
        store = make_store(plain_root(root))
        session = store.open_read() if store.recognizes() else None
    except StorageError:
        return False
    if session is None:
        return False
    try:
        open_network(session.root, store.location)
    except StoreError:
        return False
    finally:
        session.close()
    return True


@cache
def _version_of(distribution: str) -> str:
    """The version that is installed; to look it up takes milliseconds."""
    return importlib.metadata.version(distribution)
