"""Networks in LMDB, by key."""

from __future__ import annotations

import struct
from itertools import takewhile
from pathlib import Path

import lmdb
from bsb_hdf5.kit import (
    Capabilities,
    HeldDescriptor,
    KeyValueStore,
    NotANetworkError,
    OpenOnce,
    Transaction,
)

# Address space of a file, not bytes on the disk.
_MOST_BYTES = 1 << 40
# What LMDB writes after the head of the first page.
_SIGNATURE, _SIGNATURE_AT = struct.pack("=I", 0xBEEFC0DE), 16
ENVIRONMENTS = OpenOnce(
    lambda path: lmdb.open(path, subdir=False, map_size=_MOST_BYTES), lmdb.Environment.close
)


class Pairs(Transaction):
    """
    A transaction of LMDB on the environment of its file.

    :param writer: the lock of writers; None for a transaction that reads.
    """

    def __init__(self, path: str, writer: HeldDescriptor | None) -> None:
        self._environment = ENVIRONMENTS.acquire(path)
        self._run = self._environment.begin(write=writer is not None)
        self._writer = writer

    def get(self, key: bytes) -> bytes | None:
        return self._run.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._run.put(key, value)

    def delete(self, key: bytes) -> None:
        self._run.delete(key)

    def keys(self, prefix: bytes) -> list[bytes]:
        cursor = self._run.cursor()
        if not cursor.set_range(prefix):
            return []
        return list(takewhile(lambda key: key.startswith(prefix), cursor.iternext(values=False)))

    def commit(self) -> None:
        self._run.commit()

    def close(self) -> None:
        self._run.abort()
        ENVIRONMENTS.release(self._environment)
        if self._writer is not None:
            self._writer.close()


class LmdbStore(KeyValueStore):
    """The place of one network: the path of an LMDB file."""

    capabilities = Capabilities(
        locking=True,
        persistent=True,
        writable=True,
        durable=True,
        repackable=True,
        snapshots=True,
    )
    errors = (lmdb.Error,)
    companions = ("-lock", "-writer")

    def open(self, path: str, *, write: bool, new: bool, wait: float) -> Pairs:
        # LMDB makes a file for its locks, before it looks what is there.
        if not new and not _is_lmdb(path):
            raise NotANetworkError(f"'{path}' is not an LMDB file", location=path)
        # LMDB itself waits for other writers without a limit.
        writer = self.lock(f"{path}-writer", exclusive=True) if write else None
        try:
            return Pairs(path, writer)
        except lmdb.Error:
            if writer is not None:
                writer.close()
            raise


def _is_lmdb(path: str) -> bool:
    if not Path(path).is_file():
        return False
    with open(path, "rb") as file:
        return file.read(64)[_SIGNATURE_AT:].startswith(_SIGNATURE)
