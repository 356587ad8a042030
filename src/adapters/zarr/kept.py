"""Objects of one version of a network, which do not change and are kept once they were read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

from .locations import Objects, together

# Bytes of all objects that are kept.
_MOST_KEPT = 64 << 20


class KeptObjects(Objects):
    """Objects that are read once, and many at a time: a request costs as much as many bytes."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._kept: dict[str, bytes] = {}
        self._bytes = 0
        # Many threads read.
        self._mutex = threading.Lock()

    def get(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            found = super().get(key)
            if found is not None:
                self._keep(key, found)
        return found

    def prefetch(self, keys: Sequence[str]) -> None:
        from zarr.core.buffer import default_buffer_prototype

        missing = [key for key in keys if key not in self._kept]
        if len(missing) < 2:  # noqa: PLR2004
            return
        prototype = default_buffer_prototype()
        gets = [partial(self.store.get, self.base + key, prototype) for key in missing]
        for key, found in zip(missing, self.sync(together, gets), strict=True):
            if found is not None:
                self._keep(key, bytes(found.to_bytes()))

    def _keep(self, key: str, data: bytes) -> None:
        with self._mutex:
            if key in self._kept:
                return
            while self._kept and self._bytes + len(data) > _MOST_KEPT:
                # The one that was read first.
                self._bytes -= len(self._kept.pop(next(iter(self._kept))))
            self._kept[key] = data
            self._bytes += len(data)
