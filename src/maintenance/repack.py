"""Rewriting storages in their place."""

from __future__ import annotations

import attrs

from ..core.layouts.detection import create_network, open_network
from ..engine import StorageEngine
from ..errors import InputError, StoreError
from ..exceptions import bsb_errors
from ..exchange.unknown import CopyOptions, NetworkSource, NetworkTarget, copy_whole
from ..ports.store import Rewritable, RewriteSession
from ..storages import engine_of
from ..transactions.interrupts import without_interrupts

# Others may log calls between the check of the log and the lock on the network.
_MOST_TRIES = 20


@attrs.frozen
class Repacked:
    """
    The result of a repack.

    :param before: the size of the storage before, in bytes; None if unknown.
    :param after: the size of the storage now, in bytes; None if unknown.
    """

    before: int | None
    after: int | None


@without_interrupts
def repack(
    storage: object,
    *,
    compress: bool = False,
    trust: str | None = None,
    drop_unknown: bool = False,
    keep_damaged: bool = False,
) -> Repacked:
    """
    :guilabel:`collective` Rewrite a storage in its place: sorted by chunk, without holes.

    The network stays the same, as for :func:`convert`. The storage is locked meanwhile, unless it
    is remote. A new HDF5 file is written beside the old one and replaces it when it is complete; a
    zarr network gets new arrays before the old ones are removed. So a repack needs space for both,
    and a crash leaves either the old or the new network.

    :param storage: ``bsb.Storage``, or its root.
    :param compress: in an HDF5 file, store connections, labels and other integers in fewer bytes.
        This suits finished networks, as reading and appending become slower. Zarr networks are
        always compressed, networks in memory never.
    :param trust: as for :func:`convert`.
    :param drop_unknown: as for :func:`convert`.
    :param keep_damaged: as for :func:`convert`.
    :returns: the size in bytes before and after.
    :raises InputError: networks of this engine can't be rewritten; :func:`convert` them.
    :raises CorruptNetworkError: as for :func:`convert`.
    :raises UnknownContentError: as for :func:`convert`.
    :raises ReadOnlyError: the storage is in read-only mode, or can't be changed.
    :raises SessionAbortedError: this thread has a session of the storage open.
    """
    engine = engine_of(storage)
    options = CopyOptions(trust, drop_unknown, keep_damaged)
    return engine.ranks.on_main(lambda: _rewrite(engine, compress, options))


def _rewrite(engine: StorageEngine, compress: bool, options: CopyOptions) -> Repacked:
    sessions = engine.sessions
    store = sessions.store
    if not isinstance(store, Rewritable):
        raise InputError(
            f"networks of the engine '{engine._format}' can't be rewritten in their place;"
            " convert them into another storage",
            asked=engine._format,
        )
    for _ in range(_MOST_TRIES):
        with bsb_errors(), sessions.hold_exclusive():
            before = store.size()
            raw = store.rewrite(compress=compress)
            if _rewrite_store(raw, store.location, options):
                return Repacked(before, store.size())
    raise StoreError(
        f"other programs or ranks add rows to '{store.location}' all the time; repack it when"
        " they are done",
        location=store.location,
    )


def _rewrite_store(raw: RewriteSession, location: str, options: CopyOptions) -> bool:
    """Whether it is done: not if calls were logged since the log was carried out."""
    try:
        network = open_network(raw.before, location)
        if network.mark is not None:
            raw.rollback()
            return False
        made = create_network(raw.root, network.layout)
        copy_whole(NetworkSource(network, raw.before), NetworkTarget(made, raw.root), options)
    except BaseException:
        raw.rollback()
        raise
    raw.commit()
    return True
