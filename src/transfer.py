"""Networks copied into another storage, and storages written anew."""

from __future__ import annotations

from typing import Any

import attrs
import bsb
from bsb.storage import create_engine, get_engines

from .core.layouts.detection import create_network, open_network
from .core.network import Network
from .core.sessions import within_memory
from .core.transfer import transfer
from .engine import StorageEngine
from .errors import (
    InputError,
    NotANetworkError,
    SessionAbortedError,
    StoreExistsError,
    StoreNotFoundError,
)
from .exceptions import bsb_errors
from .ports.arrays import GroupWriter
from .ports.store import Rewritable, RewriteSession


@attrs.frozen
class Repacked:
    """
    What a repack came to.

    :param before: bytes that the storage took; None where that can't be told.
    :param after: bytes that it takes now; likewise.
    """

    before: int | None
    after: int | None


def convert(
    source: Any,
    target: Any,
    *,
    engine: str | None = None,
    layout: str | None = None,
    believe: str | None = None,
) -> bsb.Storage:
    """
    :guilabel:`collective` Copy a network into another storage, value for value.

    The copy is there once it is complete, or not at all. It is the same network: it keeps the
    ``storage_id``, the ``state_id`` and the rest of the provenance, the versions that wrote
    last, and the revision and time of creation of each set.

    In memory are at most 131,072 cells or 524,288 connections at a time (some 150 MB), unless
    there are more in one chunk or between two; and one morphology, or one file. What the engine
    of the copy gathers before it stores it comes on top.

    :param source: ``bsb.Storage``, or its root.
    :param target: root of the copy.
    :param engine: name of the engine of the copy: ``hdf5``, ``memory`` or ``zarr``; that of the
        source without.
    :param layout: of the copy: ``classic`` or ``columnar``; what the engine makes without.
    :param believe: ``inc`` or ``out``: the half to copy of connections that are stored twice in
        halves that differ, as a killed bsb-hdf5 8.0.2 leaves them.
    :returns: the copy.
    :raises StoreExistsError: there is something at the root of the copy.
    :raises StoreNotFoundError: there is nothing at the root of the source.
    :raises NotANetworkError: there is no network of an engine of this package.
    :raises InputError: an engine, layout or half that does not exist.
    :raises CorruptNetworkError: halves of connections differ and ``believe`` is not given; the
        error says where. Or the source contradicts its layout.
    :raises SessionAbortedError: this thread is writing to the source itself.
    """
    storage = source if isinstance(source, bsb.Storage) else _open(source)
    origin = _engine_of(storage)
    name = storage.format if engine is None else engine
    copy = _make_engine(name, target, storage._comm)
    origin._ranks.on_main(lambda: _write_copy(origin, copy, layout, believe))
    return bsb.Storage(name, target, storage._comm.get_communicator(), missing_ok=False)


def repack(storage: Any, *, compress: bool = False, believe: str | None = None) -> Repacked:
    """
    :guilabel:`collective` Write a storage anew in its place: sorted by chunk, without holes.

    The network stays the same, as for :func:`convert`. Nobody else can use the storage
    meanwhile, unless it is remote. An HDF5 file is written beside the old one and takes its name
    when it is complete; a zarr network gets new arrays, and then those before are removed. So it
    takes the room of both, and a crash leaves the one or the other.

    :param storage: ``bsb.Storage``, or its root.
    :param compress: in an HDF5 file, store connections, labels and other integers in fewer bytes,
        for networks that are done: to read them, and to add to them, takes longer from then on.
        Networks of zarr are always compressed, those in memory never.
    :param believe: as for :func:`convert`.
    :returns: bytes before and after.
    :raises InputError: networks of this engine can't be written anew; :func:`convert` them.
    :raises CorruptNetworkError: as for :func:`convert`.
    :raises ReadOnlyError: the storage is in read-only mode, or can't be changed.
    :raises SessionAbortedError: this thread has a session of the storage open itself.
    """
    held = storage if isinstance(storage, bsb.Storage) else _open(storage)
    engine = _engine_of(held)
    result: Repacked = engine._ranks.on_main(lambda: _rewrite(engine, believe, compress))
    return result


def _open(root: Any) -> bsb.Storage:
    """
    The storage at a root.

    Of our engines only: the one of BSB for folders takes any folder for its own, and changes it.
    """
    ours = {name: each for name, each in get_engines().items() if issubclass(each, StorageEngine)}
    present = [name for name, each in ours.items() if each.peek_exists(root)]
    for name in present:
        if ours[name].recognizes(root, None):
            return bsb.Storage(name, root, missing_ok=False)
    if not present:
        raise StoreNotFoundError(f"there is no storage at '{root}'", location=str(root))
    raise NotANetworkError(
        f"what is at '{root}' is no network of the engines {', '.join(ours)}", location=str(root)
    )


def _engine_of(storage: bsb.Storage) -> StorageEngine:
    return _checked(storage._engine, storage.format)


def _make_engine(name: str, root: Any, comm: Any) -> StorageEngine:
    """An engine at a root where nothing is made yet."""
    try:
        made = create_engine(name, root, comm)
    except bsb.UnknownStorageEngineError as error:
        raise InputError(f"there is no engine {name!r}", asked=name) from error
    made._format = name
    return _checked(made, name)


def _checked(engine: Any, name: str) -> StorageEngine:
    if not isinstance(engine, StorageEngine):
        raise InputError(
            f"the engine '{name}' is a {type(engine).__name__}, which is none of bsb-hdf5",
            asked=name,
        )
    return engine


def _write_copy(
    source: StorageEngine, target: StorageEngine, layout: str | None, believe: str | None
) -> None:
    if target.exists():
        location = target._sessions.store.location
        raise StoreExistsError(f"'{location}' exists", location=location)
    location = source._sessions.store.location
    with source._scope(write=False) as session, bsb_errors(), within_memory(location):
        if session.writable:
            raise SessionAbortedError(
                f"'{source._sessions.store.location}' can't be copied within a write scope on it"
            )
        network = session.network

        def fill(root: GroupWriter) -> Network:
            made = create_network(root, layout or target._new_layout())
            transfer(network, made, believe=believe)
            return made

        target._sessions.create(fill)


def _rewrite(engine: StorageEngine, believe: str | None, compress: bool) -> Repacked:
    sessions = engine._sessions
    store = sessions.store
    if not isinstance(store, Rewritable):
        raise InputError(
            f"networks of the engine '{engine._format}' can't be written anew in their place;"
            " convert them into another storage",
            asked=engine._format,
        )
    with bsb_errors(), sessions.alone():
        before = store.size()
        _write_anew(store.rewrite(compress=compress), store.location, believe)
        return Repacked(before, store.size())


def _write_anew(raw: RewriteSession, location: str, believe: str | None) -> None:
    try:
        network = open_network(raw.before, location)
        made = create_network(raw.root, network.layout)
        transfer(network, made, believe=believe)
        made.flush()
    except BaseException:
        raw.rollback()
        raise
    raw.commit()
