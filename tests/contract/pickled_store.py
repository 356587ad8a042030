"""A small store of files that does all that it promises, to be broken by mutants."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterable
from typing import Any

from bsb_hdf5.kit import (
    Capabilities,
    HeldDescriptor,
    KeyValueStore,
    NotANetworkError,
    Transaction,
)

MAGIC = b"pickled "


class Pickled(Transaction):
    """
    All keys and values in a dictionary, which the commit writes beside the file and then names.

    :param lock: held until the end; None for a transaction that only reads.
    """

    def __init__(self, path: str, values: dict[bytes, bytes], lock: HeldDescriptor | None) -> None:
        self.path = path
        self.values = values
        self.lock = lock

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.values[key] = value

    def delete(self, key: bytes) -> None:
        self.values.pop(key, None)

    def keys(self, prefix: bytes) -> Iterable[bytes]:
        return [key for key in self.values if key.startswith(prefix)]

    def commit(self) -> None:
        new = f"{self.path}-new"
        try:
            self.write(new)
            shutil.copymode(self.path, new)
            os.replace(new, self.path)
        except OSError:
            os.unlink(new)
            raise

    def write(self, path: str) -> None:
        with open(path, "wb") as file:
            file.write(MAGIC + pickle.dumps(self.values))

    def close(self) -> None:
        if self.lock is not None:
            self.lock.close()


class PickledStore(KeyValueStore):
    """The place of one network: the path of a pickled dictionary."""

    capabilities = Capabilities(
        locking=True,
        parallel=True,
        persistent=True,
        writable=True,
        repackable=True,
        snapshots=True,
        threads=True,
    )
    companions = ("-lock", "-new")

    def open(self, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
        lock = self.lock(f"{path}-lock", exclusive=True) if write else None
        try:
            if new:
                open(path, "xb").close()
            return Pickled(path, {} if new else self.load(path), lock)
        except BaseException:
            if lock is not None:
                lock.close()
            raise

    def load(self, path: str) -> dict[bytes, bytes]:
        with open(path, "rb") as file:
            data = file.read()
        if not data.startswith(MAGIC):
            raise NotANetworkError(f"'{path}' holds no network", location=path)
        found: dict[bytes, bytes] = pickle.loads(data.removeprefix(MAGIC))
        return found


def untyped(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the library failed")
