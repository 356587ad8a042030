"""Verifying and repairing storages."""

from __future__ import annotations

import attrs

from ..core.connectivity import check_direction
from ..engine import StorageEngine
from ..errors import SessionAbortedError
from ..exceptions import bsb_errors
from ..storages import engine_of
from ..transactions.interrupts import without_interrupts
from ..transactions.session import Session
from ..transactions.staging import Folding
from .checks.network import repair_network, verify_network
from .findings import Finding, Report

__all__ = ["Finding", "Report", "repair", "verify"]


@without_interrupts
def verify(storage: object) -> Report:
    """
    :guilabel:`collective` Check a network for errors.

    The checks compare counts with data, tables and indices with the arrays that they refer to, and
    the mirrored copies of connections with each other; they cover label codes, references to
    morphologies, morphologies, checksums of files, and the provenance. Content that can't be read
    is a finding, and does not stop the other checks. All data is read, in pieces; nothing changes.

    :param storage: ``bsb.Storage``, or its root.
    :returns: the findings; empty if the network has no errors.
    :raises StoreNotFoundError: nothing lies at the root.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    :raises SessionAbortedError: this thread is writing to the storage.
    """
    engine = engine_of(storage)
    report: Report = engine.ranks.on_main(lambda: _verify(engine))
    return report


@without_interrupts
def repair(storage: object, *, trust: str | None = None) -> Report:
    """
    :guilabel:`collective` Repair the errors that :func:`verify` finds, where possible.

    All repairs are stored together, or none of them. Counts and tallies are computed again,
    entries that belong to nothing are dropped, and a network without an identity gets one. Data
    stays unchanged, except for mirrored copies of connections that differ, and only with ``trust``.

    :param storage: ``bsb.Storage``, or its root.
    :param trust: ``inc`` or ``out``: the mirrored copy that replaces the other one.
    :returns: a report, with the findings that are left and those that were repaired.
    :raises InputError: ``trust`` is neither of these.
    :raises ReadOnlyError: the storage is in read-only mode, or can't be changed.
    :raises SessionAbortedError: this thread has a session of the storage open.
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
        lost = _lost(engine, session)
        found = verify_network(session.root, location)
        return attrs.evolve(found, findings=(*lost, *found.findings))


def _lost(engine: StorageEngine, session: Session) -> tuple[Finding, ...]:
    """Rows that programs or ranks have added, and that are neither in the network nor beside it."""
    lost = engine.sessions.lost_calls(session)
    return () if lost is None else (Finding("network", "staged calls", lost, repairable=True),)


def _repair(engine: StorageEngine, trust: str | None) -> Report:
    sessions = engine.sessions
    with bsb_errors():
        # Pending changes of an outer session would overwrite the repairs.
        sessions.check_outside("repaired")
    with bsb_errors():
        with sessions.as_stored() as session:
            lost = _lost(engine, session)
        if lost:
            sessions.fold(Folding.DROP)
    with engine.write_scope() as session:
        network = session.network_writer
        report = repair_network(
            session.writable_root, sessions.store.location, network, engine.new_bundle, trust=trust
        )
    return attrs.evolve(report, repaired=(*lost, *report.repaired))
