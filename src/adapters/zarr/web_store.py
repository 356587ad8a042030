"""Objects of a service that may be a plain web server, which hands out whole files only."""

from __future__ import annotations

from obstore.exceptions import NotSupportedError
from obstore.store import ObjectStore as Service
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

from .objects import bounds_of


class WebStore(ObjectStore[Service]):
    """A store of zarr that reads whole objects where the service hands out no parts of them."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        try:
            return await super().get(key, prototype, byte_range)
        except NotSupportedError:
            if byte_range is None:
                raise
        whole = await super().get(key, prototype)
        if whole is None:
            return None
        start, stop = bounds_of(byte_range, len(whole))
        return whole[start:stop]
