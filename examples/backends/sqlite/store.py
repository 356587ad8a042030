"""Networks in SQLite: one file each, over bytes by key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from bsb_hdf5.kit import (
    Capabilities,
    KeyValueStore,
    LockTimeoutError,
    NotANetworkError,
    Transaction,
)


class Pairs(Transaction):
    """A transaction of SQLite on a connection of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._connection = connection

    def get(self, key: bytes) -> bytes | None:
        row = self._run("SELECT value FROM pair WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key: bytes, value: bytes) -> None:
        self._run("REPLACE INTO pair VALUES (?, ?)", (key, value))

    def delete(self, key: bytes) -> None:
        self._run("DELETE FROM pair WHERE key = ?", (key,))

    def keys(self, prefix: bytes) -> Iterable[bytes]:
        until = prefix + b"\xff" * 256
        rows = self._run("SELECT key FROM pair WHERE key BETWEEN ? AND ?", (prefix, until))
        return [key for (key,) in rows]

    def commit(self) -> None:
        self._run("COMMIT")

    def close(self) -> None:
        self._connection.close()


class SqliteStore(KeyValueStore):
    """The place of one network: the path of an SQLite file."""

    capabilities = Capabilities(
        locking=True,
        parallel=True,
        persistent=True,
        writable=True,
        repackable=True,
        snapshots=True,
        threads=True,
    )
    errors = (sqlite3.Error,)
    companions = ("-wal", "-shm", "-journal")

    def open(self, path: str, *, write: bool, new: bool, wait: float) -> Pairs:
        mode = "rwc" if new else "rw" if write else "ro"
        options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode={mode}", uri=True, timeout=min(wait, 1e6), **options
        )
        try:
            if new:
                connection.execute(
                    "CREATE TABLE pair (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
                )
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            # The first read is what the transaction sees from then on.
            connection.execute("SELECT count(*) FROM pair WHERE key = x''").fetchone()
        except sqlite3.DatabaseError as error:
            connection.close()
            if "locked" in str(error):
                raise LockTimeoutError(f"'{path}' is in use: {error}", location=path) from error
            if "not a database" in str(error) or "no such table" in str(error):
                raise NotANetworkError(
                    f"'{path}' holds no network: {error}", location=path
                ) from error
            raise
        return Pairs(connection)
