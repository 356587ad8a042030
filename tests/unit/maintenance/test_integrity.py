"""A network is verified and repaired as it is stored, not as an open scope has left it."""

from __future__ import annotations

import uuid

import pytest
from bsb import Storage

from bsb_hdf5 import engine_of, repair, verify
from bsb_hdf5.errors import SessionAbortedError


def test_a_scope_is_closed_before_its_network_is_verified_or_repaired() -> None:
    storage = Storage("memory", uuid.uuid4().hex)
    engine = engine_of(storage)
    with engine.read_scope():
        assert not verify(storage)
        with pytest.raises(SessionAbortedError, match="can't be repaired within a scope on it"):
            repair(storage)
    with engine.write_scope():
        with pytest.raises(SessionAbortedError, match="can't be verified within a write scope on"):
            verify(storage)
        with pytest.raises(SessionAbortedError, match="can't be repaired within a scope on it"):
            repair(storage)
    assert not repair(storage)
