"""Storages verified and repaired."""

from __future__ import annotations

from ..core.connectivity import check_direction
from ..engine import StorageEngine
from ..errors import SessionAbortedError
from ..exceptions import bsb_errors
from ..storages import engine_of
from ..transactions.interrupts import without_interrupts
from .checks.network import repair_network, verify_network
from .findings import Finding, Report

__all__ = ["Finding", "Report", "repair", "verify"]


@without_interrupts
def verify(storage: object) -> Report:
    """
    :guilabel:`collective` Find out what is wrong in a network.

    Checked are counts against data, tables and indices against the arrays they point into, both
    mirrored copies of connections, label codes, references to morphologies, the
    morphologies, the checksums of files, and the provenance. What can't be read is a finding,
    and the rest is checked all the same. Everything is read, in pieces; nothing is changed.

    :param storage: ``bsb.Storage``, or its root.
    :returns: what is wrong; empty if nothing is.
    :raises StoreNotFoundError: there is nothing at the root.
    :raises NotANetworkError: there is no network of an engine of this package.
    :raises SessionAbortedError: this thread is writing to the storage itself.
    """
    engine = engine_of(storage)
    report: Report = engine.ranks.on_main(lambda: _verify(engine))
    return report


@without_interrupts
def repair(storage: object, *, trust: str | None = None) -> Report:
    """
    :guilabel:`collective` Put right what can be, of what :func:`verify` finds.

    All repairs are stored at once, or none is. Counts and tallies are counted again, what belongs
    to nothing is dropped, and a network without an identity gets one. Data is never changed, but
    for mirrored copies of connections that differ, and then only with ``trust``.

    :param storage: ``bsb.Storage``, or its root.
    :param trust: ``inc`` or ``out``: the mirrored copy that the other one is made of.
    :returns: what was put right, and what is still wrong.
    :raises InputError: ``trust`` is neither.
    :raises ReadOnlyError: the storage is in read-only mode, or can't be changed.
    :raises SessionAbortedError: this thread has a session of the storage open itself.
    """
    if trust is not None:
        check_direction(trust)
    engine = engine_of(storage)
    report: Report = engine.ranks.on_main(lambda: _repair(engine, trust))
    return report


def _verify(engine: StorageEngine) -> Report:
    location = engine.sessions.store.location
    with engine.read_scope() as session:
        if session.writable:
            raise SessionAbortedError(f"'{location}' can't be verified within a write scope on it")
        return verify_network(session.root, location)


def _repair(engine: StorageEngine, trust: str | None) -> Report:
    sessions = engine.sessions
    with bsb_errors():
        # What a session around this one has gathered would be stored over what is put right.
        sessions.check_outside("repaired")
    with engine.write_scope() as session:
        network = session.network_writer
        return repair_network(
            session.writable_root, sessions.store.location, network, engine.new_bundle, trust=trust
        )
