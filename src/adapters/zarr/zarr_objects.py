"""Objects in a zarr store, many of which are asked for at a time, in the event loop of zarr."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ...errors import StoreIOError
from ...platform import Forks
from .errors import Translated, require
from .locations import Objects

if TYPE_CHECKING:
    from zarr.abc.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class _Threads:
    """Threads of libraries, which a forked child lacks, and would wait for without end."""

    # The count of forks where they were started.
    forks: int | None = None


def check_not_forked(root: str) -> None:
    """
    Check that this process may ask services.

    :raises StoreIOError: it was forked from one that did.
    """
    if _Threads.forks is None:
        _Threads.forks = Forks.count
    if _Threads.forks != Forks.count:
        raise StoreIOError(
            f"'{root}' can't be used in a process that was forked from one that used networks in"
            " object stores; start processes with the method 'spawn'",
            location=root,
        )


class ZarrObjects(Objects):
    """The objects of a network in a zarr store."""

    @abstractmethod
    def _open(self) -> Store:
        """The store, of which one is opened."""

    @cached_property
    def store(self) -> Store:
        """The zarr store."""
        require("zarr", "zarr")
        from . import event_loop

        with Translated(self.title):
            event_loop.start()
            return self._open()

    def get(self, key: str) -> bytes | None:
        return self.get_many([key])[0]

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The contents of objects, which are asked for at once."""
        from zarr.core.buffer import default_buffer_prototype

        prototype = default_buffer_prototype()
        gets = [partial(self.store.get, key, prototype) for key in keys]
        found = self.sync(together, gets)
        return [None if each is None else bytes(each.to_bytes()) for each in found]

    def size(self) -> int:
        """The size of all objects in bytes."""
        return int(self.sync(self.store.getsize_prefix, ""))

    def sync(
        self, method: Callable[P, Coroutine[object, object, T]], *args: P.args, **options: P.kwargs
    ) -> T:
        """The result of an asynchronous method of the store."""
        from zarr.core.sync import sync

        check_not_forked(self.root)
        with Translated(self.title):
            return sync(method(*args, **options))


async def together(requests: Sequence[Callable[[], Coroutine[object, object, T]]]) -> list[T]:
    """The results of some requests, made at once; if one fails, when all have ended."""
    results = await asyncio.gather(*(each() for each in requests), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
