"""Copying networks to another storage."""

from __future__ import annotations

import bsb

from ..config import Root
from ..core.layouts.detection import create_network
from ..core.layouts.protocols import NetworkWriter
from ..engine import StorageEngine
from ..errors import InputError, SessionAbortedError, StoreExistsError
from ..exceptions import bsb_errors
from ..ports.arrays import GroupWriter
from ..ports.store import common_mode
from ..storages import engine_of, make_engine, open_storage
from ..transactions.interrupts import without_interrupts
from ..transactions.sessions import within_memory
from .unknown import CopyOptions, NetworkSource, NetworkTarget, check_foreign, copy_whole


@without_interrupts
def convert(
    source: bsb.Storage | Root,
    target: Root,
    *,
    engine: str | None = None,
    layout: str | None = None,
    trust: str | None = None,
    drop_unknown: bool = False,
    keep_damaged: bool = False,
) -> bsb.Storage:
    """
    :guilabel:`collective` Copy a network into another storage, value for value.

    The copy appears once it is complete, or not at all. It is the same network: it keeps the
    provenance (``storage_id``, ``state_id`` and the versions that wrote last), and the revision
    and time of creation of each set.

    At most 131,072 cells or 524,288 connections are in memory at a time (some 150 MB), unless one
    chunk or pair of chunks has more; and one morphology or file. The engine of the copy may buffer
    more.

    :param source: ``bsb.Storage``, or its root.
    :param target: root of the copy.
    :param engine: name of the engine of the copy: ``hdf5``, ``memory`` or ``zarr``; by default
        that of the source.
    :param layout: layout of the copy: ``classic`` or ``columnar``; by default that of the engine.
    :param trust: ``inc`` or ``out``: which of the two mirrored copies of connections to keep where
        they differ, as a killed bsb-hdf5 8.0.2 leaves them.
    :param drop_unknown: leave out content that the layout of the source does not know, such as a
        user's own groups, arrays and attributes, and files in the folder of a zarr network that
        do not belong to it. By default they are copied; if they can't be, the call raises.
    :param keep_damaged: copy rows that do not match their checksums as they are. The copy has new
        checksums, which hide the damage.
    :returns: the copy.
    :raises StoreExistsError: something lies at the root of the copy.
    :raises StoreNotFoundError: nothing lies at the root of the source.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    :raises InputError: an engine, layout or direction that does not exist; or the root of the copy
        lies within a source in an object store.
    :raises CorruptNetworkError: mirrored copies differ and ``trust`` is not given, or rows do not
        match their checksums, without ``keep_damaged``; the error says where. Or the source
        contradicts its layout.
    :raises UnknownContentError: the source has content that its layout does not know and that
        can't be copied. The error names it, and says why.
    :raises SessionAbortedError: this thread is writing to the source.
    """
    storage = source if isinstance(source, bsb.Storage) else open_storage(source)
    origin = engine_of(storage)
    name = storage.format if engine is None else engine
    copy = make_engine(name, target, storage._comm)
    options = CopyOptions(trust, drop_unknown, keep_damaged)
    origin.ranks.on_main(lambda: write_copy(origin, copy, layout, options))
    return bsb.Storage(name, target, storage._comm.get_communicator(), missing_ok=False)


def write_copy(
    source: StorageEngine,
    target: StorageEngine,
    layout: str | None,
    options: CopyOptions,
) -> None:
    """Copy a network on one rank; parameters and errors as for :func:`convert`."""
    check_free(source, target)
    location = source.sessions.store.location
    with source.read_scope() as session, bsb_errors(), within_memory(location):
        if not options.drop_unknown:
            check_foreign(source.sessions.store)
        if session.writable:
            raise SessionAbortedError(f"'{location}' can't be copied within a write scope on it")
        original = NetworkSource(session.network, session.root)

        def fill(root: GroupWriter) -> NetworkWriter:
            made = create_network(root, layout or target.new_layout())
            copy_whole(original, NetworkTarget(made, root), options)
            return made

        # The copy must not be readable by users who can't read the source.
        target.sessions.create(fill, common_mode(source.sessions.store))


def check_free(source: StorageEngine, target: StorageEngine) -> None:
    """
    Check that a copy can be made at a root.

    :raises StoreExistsError: something lies there.
    :raises InputError: it lies within the source in an object store, which would take the objects
        of the copy for its own.
    """
    location, within = target.sessions.store.location, source.sessions.store.location
    if target.exists():
        why = f"'{location}' exists; choose another name, or remove it first"
        if "://" in location:
            why += (
                "; if it can't be opened, and nobody publishes there, delete the objects below it"
            )
        raise StoreExistsError(why, location=location)
    if "://" in location and location.startswith(f"{within.rstrip('/')}/"):
        raise InputError(f"'{location}' lies within the network '{within}'", asked=location)
