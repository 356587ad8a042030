"""Networks in SQLite keep the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsb_hdf5.ports.store import Store
from bsb_hdf5.testing.store_contract import NewStore, StoreContract
from examples.backends.sqlite.store import SqliteStore


class TestSqliteStore(StoreContract):
    """One file, over bytes by key."""

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> NewStore:
        def new_store(name: str) -> Store:
            return SqliteStore(str(tmp_path / f"{name}.sqlite"))

        return new_store
