"""Exclusion between ranks: BSB's MPILock, or nothing where there is one rank."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from typing import Any, Protocol

from bsb.services import MPILock

from ...errors import LockTimeoutError
from ...transactions.deadline import POLL_INTERVAL, Deadline, WaitPolicy

# As it holds nothing, all who take it may share it.
_UNLOCKED = nullcontext()


class Controller(Protocol):
    """What ``bsb.MPILock.sync`` returns."""

    def read(self) -> AbstractContextManager[Any]: ...

    def write(self) -> AbstractContextManager[Any]: ...


class SerialLock:
    """One rank needs no lock."""

    def shared(self) -> AbstractContextManager[None]:
        return _UNLOCKED

    def exclusive(self) -> AbstractContextManager[None]:
        return _UNLOCKED


class _Call:
    """
    A lock that a thread of its own takes: MPI waits until it has it, whatever comes.

    :param lock: of the controller.
    :param apart: whether MPI lets other threads than the main one do that.
    """

    def __init__(self, lock: AbstractContextManager[Any], *, apart: bool) -> None:
        self._lock = lock
        # What a lock leaves in the context of who takes it, it looks for there at its end.
        self._context = copy_context()
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._unwanted = False
        self._error: BaseException | None = None
        if apart:
            threading.Thread(target=self._take, name="bsb-hdf5-lock", daemon=True).start()
        else:
            self._take()

    def _take(self) -> None:
        try:
            self._context.run(self._lock.__enter__)
        except BaseException as error:
            self._error = error
        with self._mutex:
            if self._unwanted and self._error is None:
                self.release()
            self._over.set()

    def is_over(self, seconds: float) -> bool:
        """Whether it has the lock, or failed; waits for so long."""
        return self._over.wait(seconds)

    def give_up(self) -> None:
        """Give the lock back, when it comes if it is not there yet."""
        with self._mutex:
            if not self._over.is_set():
                self._unwanted = True
                return
        if self._error is None:
            self.release()

    def raise_error(self) -> None:
        """Raise what the lock raised instead of being taken."""
        if self._error is not None:
            raise self._error

    def release(self) -> None:
        # Errors are not for the lock to judge: it would warn of each.
        self._context.run(self._lock.__exit__, None, None, None)


class MpiLock:
    """
    A readers-writer lock over MPI windows.

    A controller registers a rank once, so the threads of a rank that read share that: the
    first in takes the lock, and the last out gives it back.

    :param apart: whether several threads may use MPI; else nothing ends the waiting but the lock.
    :raises LockTimeoutError: when it is taken; other ranks held it for longer than the limit.
    """

    def __init__(self, controller: Controller, waiting: WaitPolicy, *, apart: bool = True) -> None:
        self._controller = controller
        self._apart = apart
        self._waiting = waiting
        self._mutex = threading.Lock()
        self._readers = 0
        self._held: _Call | None = None
        # One that nobody waits for any more. A rank can't ask for the lock twice at a time.
        self._given_up: _Call | None = None

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._mutex:
            if not self._readers:
                self._held = self._take(self._controller.read())
            self._readers += 1
        try:
            yield
        finally:
            with self._mutex:
                self._readers -= 1
                if not self._readers and self._held is not None:
                    self._held.release()
                    self._held = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._mutex:
            held = self._take(self._controller.write())
        try:
            yield
        finally:
            held.release()

    def _take(self, lock: AbstractContextManager[Any]) -> _Call:
        deadline = Deadline(self._waiting.limit, self._waiting.on_slow)
        if self._given_up is not None:
            self._await(self._given_up, deadline)
            self._given_up = None
        call = _Call(lock, apart=self._apart)
        try:
            self._await(call, deadline)
        except BaseException:
            self._given_up = call
            call.give_up()
            raise
        call.raise_error()
        return call

    def _await(self, call: _Call, deadline: Deadline) -> None:
        limit = self._waiting.limit
        while not call.is_over(max(0.0, min(POLL_INTERVAL, deadline.remaining(limit)))):
            if deadline.remaining(limit) <= 0:
                location = self._waiting.location()
                raise LockTimeoutError(
                    f"'{location}' was held by other ranks for {limit} seconds",
                    location=location,
                    limit=limit,
                )
            deadline.poll()


def make_lock(service: Any, waiting: WaitPolicy) -> MpiLock | SerialLock:
    """
    :guilabel:`collective` The lock that the ranks of BSB's MPI service share.
    """
    if service.get_size() == 1:
        return SerialLock()
    # Where there is no MPI, there is one rank.
    from mpi4py import MPI

    apart = MPI.Query_thread() == MPI.THREAD_MULTIPLE
    return MpiLock(MPILock.sync(service.get_communicator()), waiting, apart=apart)
