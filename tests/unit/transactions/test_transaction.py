"""Transactions: what they store, and reads that become writes."""

from __future__ import annotations

import pytest

from bsb_hdf5.errors import (
    SessionAbortedError,
    SessionClosedError,
)
from tests.unit.transactions.recorder import InterruptionError, Recorder, add


def test_what_a_scope_stores_is_there_afterwards(network: Recorder) -> None:
    with network.write as session:
        add(session, "a")
    assert ("a",) == network.names()


def test_an_exception_stores_nothing(network: Recorder) -> None:
    with pytest.raises(InterruptionError), network.write as session:
        add(session, "a")
        raise InterruptionError
    assert () == network.names()
    assert -1 == network.state()


def test_an_inner_scope_joins_the_outer_one(network: Recorder) -> None:
    with network.write as outer:
        with network.write as inner, network.read as innermost:
            assert outer is inner is innermost
            add(inner, "a")
        assert ("a",) == outer.network.placement_names()
    assert ["exclusive"] * 2 == network.lock.history
    assert ("a",) == network.names()


def test_what_an_inner_scope_stored_is_undone_with_the_outer_one(network: Recorder) -> None:
    with pytest.raises(InterruptionError), network.write:
        with network.write as inner:
            add(inner, "a")
        raise InterruptionError
    assert () == network.names()


def test_an_inner_scope_that_fails_after_a_change_dooms_the_outer_one(network: Recorder) -> None:
    with (
        pytest.raises(SessionAbortedError, match="InterruptionError: half-way"),
        network.write as outer,
    ):
        add(outer, "before")
        with pytest.raises(InterruptionError), network.write as inner:
            add(inner, "a")
            raise InterruptionError("half-way")
    assert () == network.names()


def test_a_doomed_scope_takes_no_more_changes_but_can_be_read(network: Recorder) -> None:
    with pytest.raises(SessionAbortedError), network.write:
        with pytest.raises(InterruptionError), network.write as inner:
            add(inner, "a")
            raise InterruptionError
        with network.read as session:
            assert ("a",) == session.network.placement_names()
        with network.write:
            pytest.fail("a aborted_by scope went on")
    assert () == network.names()


def test_an_inner_scope_that_fails_before_any_change_does_no_harm(network: Recorder) -> None:
    with network.write as outer:
        add(outer, "a")
        with pytest.raises(InterruptionError), network.write:
            raise InterruptionError
        with pytest.raises(InterruptionError), network.read:
            raise InterruptionError
        add(outer, "b")
    assert ("a", "b") == network.names()


def test_a_scope_moves_the_state_once_and_only_if_it_changed_something(network: Recorder) -> None:
    with network.write as session:
        add(session, "a")
        with network.write as inner:
            add(inner, "b")
    assert 1 == network.state()
    with network.write as session:
        assert ("a", "b") == session.network.placement_names()
    assert 1 == network.state()
    with network.write as session:
        session.writable_root.attributes.set("x", 1)
    assert 2 == network.state()
    with network.read as session:
        assert ("8.0.2", "8.1.0") == session.network.versions


def test_a_network_without_provenance_is_upgraded_once(network: Recorder) -> None:
    for name in ("a", "b"):
        with network.write as session:
            add(session, name)
    assert 1 == network.upgrades
    with network.read as session:
        assert {"storage_id": "s", "state_id": 2} == session.network.provenance


def test_a_session_can_not_be_used_after_its_end(network: Recorder) -> None:
    with network.write as written:
        pass
    with network.read as read:
        pass
    for session in (written, read):
        assert session.closed
        for use in ("root", "network", "changes"):
            with pytest.raises(SessionClosedError):
                getattr(session, use)
        with (
            pytest.raises(SessionClosedError),
            network.sessions.scope(write=False, handle=session),
        ):
            pytest.fail("a session that had ended was used")


def test_a_write_within_a_read_scope_is_seen_by_it(network: Recorder) -> None:
    with network.read as reader:
        assert () == reader.network.placement_names()
        with network.write as writer:
            assert writer is not reader
            add(writer, "a")
        assert ("a",) == reader.network.placement_names()
        assert not reader.writable
        with network.write as writer:
            add(writer, "b")
        assert ("a", "b") == reader.network.placement_names()
    assert ["exclusive", "shared", "exclusive", "shared", "exclusive", "shared"] == (
        network.lock.history
    )
    assert (0, 0) == (network.lock.readers, network.lock.writers)
    assert ("a", "b") == network.names()


def test_a_write_that_fails_within_a_read_scope_stores_nothing_and_the_scope_goes_on(
    network: Recorder,
) -> None:
    with network.read as reader:
        with pytest.raises(InterruptionError), network.write as writer:
            add(writer, "a")
            raise InterruptionError
        assert () == reader.network.placement_names()
        with network.write as writer:
            add(writer, "b")
    assert ("b",) == network.names()


def test_scopes_within_a_promoted_write_join_the_write(network: Recorder) -> None:
    with network.read, network.write as writer, network.read as inner, network.write as innermost:
        assert writer is inner is innermost
        add(innermost, "a")
    assert ("a",) == network.names()
