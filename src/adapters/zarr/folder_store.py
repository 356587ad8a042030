"""The zarr store of a folder in which no link is followed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterable

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import LocalStore

from .folders import check_contained
from .objects import read_object, write_object


class FolderStore(LocalStore):
    """
    A folder that no key leaves.

    :raises CorruptNetworkError: a key leads through a symbolic link, or out of the folder.
    """

    def _path(self, key: str) -> str:
        root = os.fspath(self.root)
        check_contained(root, key)
        return os.path.join(root, key)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        data = read_object(self._path(key), byte_range)
        buffer = (prototype or default_buffer_prototype()).buffer
        return None if data is None else buffer.from_bytes(data)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def set(self, key: str, value: Buffer) -> None:
        self._check_writable()
        write_object(self._path(key), value.as_buffer_like())

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        self._check_writable()
        with contextlib.suppress(FileExistsError):
            write_object(self._path(key), value.as_buffer_like(), exclusive=True)

    async def exists(self, key: str) -> bool:
        return os.path.isfile(self._path(key))

    async def delete(self, key: str) -> None:
        self._check_writable()
        path = self._path(key)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    async def delete_dir(self, prefix: str) -> None:
        self._check_writable()
        path = self._path(prefix)
        if os.path.isdir(path):
            shutil.rmtree(path)

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        self._path(prefix)
        async for key in super().list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        self._path(prefix)
        async for key in super().list_dir(prefix):
            yield key
