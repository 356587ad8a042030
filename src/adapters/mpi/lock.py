"""Exclusion between ranks: BSB's MPILock, or nothing where there is one rank."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from bsb.services import MPILock


class Controller(Protocol):
    """What ``bsb.MPILock.sync`` returns."""

    def read(self) -> AbstractContextManager[Any]: ...

    def write(self) -> AbstractContextManager[Any]: ...


# Made once, as it holds nothing.
_NOBODY_ELSE = nullcontext()


class SerialLock:
    """One rank needs no lock."""

    def shared(self) -> AbstractContextManager[None]:
        return _NOBODY_ELSE

    def exclusive(self) -> AbstractContextManager[None]:
        return _NOBODY_ELSE


class MpiLock:
    """
    A readers-writer lock over MPI windows.

    A controller registers a rank once, so the threads of a rank that read share that: the
    first in takes the lock, and the last out gives it back.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._mutex = threading.Lock()
        self._readers = 0
        self._held: AbstractContextManager[Any] | None = None

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._mutex:
            if not self._readers:
                self._held = self._controller.read()
                self._held.__enter__()
            self._readers += 1
        try:
            yield
        finally:
            with self._mutex:
                self._readers -= 1
                if not self._readers and self._held is not None:
                    self._held.__exit__(None, None, None)
                    self._held = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        held = self._controller.write()
        held.__enter__()
        try:
            yield
        finally:
            # Errors are not for the lock to judge: it would warn of each.
            held.__exit__(None, None, None)


def make_lock(service: Any) -> MpiLock | SerialLock:
    """
    :guilabel:`collective` The lock that the ranks of BSB's MPI service share.
    """
    if service.get_size() == 1:
        return SerialLock()
    return MpiLock(MPILock.sync(service.get_communicator()))
