"""Objects of one version of a network, which do not change and are kept once they were read."""

from __future__ import annotations

from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from .objects import bounds_of

# Bytes of an object that is read whole where a part is asked for, and of all that are kept.
_MOST_WHOLE = 4 << 20
_MOST_KEPT = 64 << 20


class KeptObjects(WrapperStore[Store]):
    """
    A store of zarr's from which small objects are read once, and whole.

    A request costs as much as some hundred thousand bytes, and a shard is read in many parts.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._kept: dict[str, Buffer] = {}
        self._bytes = 0

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        whole = self._kept.get(key)
        if whole is None:
            if byte_range is not None and await self._is_large(key):
                return await super().get(key, prototype, byte_range)
            whole = await super().get(key, prototype)
            if whole is None:
                return None
            self._keep(key, whole)
        start, stop = bounds_of(byte_range, len(whole))
        return whole[start:stop]

    async def _is_large(self, key: str) -> bool:
        try:
            return await self.getsize(key) > _MOST_WHOLE
        except FileNotFoundError:
            return False

    def _keep(self, key: str, whole: Buffer) -> None:
        if len(whole) > _MOST_WHOLE:
            return
        while self._kept and self._bytes + len(whole) > _MOST_KEPT:
            # The one that was read first.
            self._bytes -= len(self._kept.pop(next(iter(self._kept))))
        self._kept[key] = whole
        self._bytes += len(whole)
