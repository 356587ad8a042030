"""The zarr store of a folder in which no link is followed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from .folders import check_contained


class FolderStore(LocalStore):
    """
    A folder that no key leaves.

    :raises CorruptNetworkError: a key leads through a symbolic link, or out of the folder.
    """

    def _check(self, key: str) -> None:
        check_contained(os.fspath(self.root), key)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        self._check(key)
        return await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer) -> None:
        self._check(key)
        await super().set(key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        self._check(key)
        await super().set_if_not_exists(key, value)

    async def exists(self, key: str) -> bool:
        self._check(key)
        return await super().exists(key)

    async def delete(self, key: str) -> None:
        self._check(key)
        await super().delete(key)

    async def delete_dir(self, prefix: str) -> None:
        self._check(prefix)
        await super().delete_dir(prefix)

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        self._check(prefix)
        async for key in super().list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        self._check(prefix)
        async for key in super().list_dir(prefix):
            yield key
