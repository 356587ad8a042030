"""Exclusion between ranks: BSB's MPILock, or nothing where there is one rank."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from bsb.services import MPILock

from ...transactions.deadline import POLL_INTERVAL, Deadline, WaitPolicy, waits_for_itself

if TYPE_CHECKING:
    from .communicator import Service


class Controller(Protocol):
    """What ``bsb.MPILock.sync`` returns."""

    def read(self) -> AbstractContextManager[object]: ...

    def write(self) -> AbstractContextManager[object]: ...


class _LockThread:
    """A thread that acquires the locks of one controller in turn, as MPI waits without a limit."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, name="bsb-hdf5-lock", daemon=True).start()

    def submit(self, task: Callable[[], None]) -> None:
        self._tasks.put(task)

    def _work(self) -> None:
        while True:
            self._tasks.get()()


class _Acquisition:
    """
    A lock that is acquired, now or later.

    :param lock: the lock of the controller.
    :param run: runs the attempt, directly or in another thread.
    """

    def __init__(
        self, lock: AbstractContextManager[object], run: Callable[[Callable[[], None]], None]
    ) -> None:
        self._lock = lock
        # The lock keeps state in the context, and has to be released in the same one.
        self._context = copy_context()
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._unwanted = False
        self._error: BaseException | None = None
        run(self._acquire)

    def _acquire(self) -> None:
        try:
            self._context.run(self._lock.__enter__)
        except BaseException as error:
            self._error = error
        with self._mutex:
            if self._unwanted and self._error is None:
                self.release()
            self._over.set()

    def is_over(self, seconds: float) -> bool:
        """Whether the lock was acquired, or the attempt failed; waits for so long."""
        return self._over.wait(seconds)

    def abandon(self) -> None:
        """Release the lock, now or as soon as it is acquired."""
        with self._mutex:
            if not self._over.is_set():
                self._unwanted = True
                return
        if self._error is None:
            self.release()

    def raise_error(self) -> None:
        """Raise what the lock raised instead of being acquired."""
        if self._error is not None:
            raise self._error

    def release(self) -> None:
        # The lock must not see errors of the block: it would warn about each.
        self._context.run(self._lock.__exit__, None, None, None)


class MpiLock:
    """
    A readers-writer lock over MPI windows.

    A controller registers a rank once, so the reading threads of a rank share one lock: the first
    reader acquires it, and the last one releases it.

    :param apart: whether several threads may use MPI; otherwise waiting has no time limit.
    :param snapshots: whether each reader sees one state, so that no writer has to wait for it.
    :raises LockTimeoutError: on acquisition; other ranks held the lock for longer than the limit.
    """

    def __init__(
        self,
        controller: Controller,
        policy: WaitPolicy,
        *,
        apart: bool = True,
        snapshots: bool = False,
    ) -> None:
        self._controller = controller
        self._apart = apart
        self._snapshots = snapshots
        self._policy = policy
        self._mutex = threading.RLock()
        self._is_acquiring = False
        self._readers = 0
        self._held: _Acquisition | None = None
        self._thread: _LockThread | None = None
        # An attempt whose caller gave up. A rank can request the lock only once at a time.
        self._abandoned: _Acquisition | None = None

    def shared(self) -> AbstractContextManager[None]:
        return nullcontext() if self._snapshots else self._shared()

    @contextmanager
    def _shared(self) -> Iterator[None]:
        with self._alone():
            if not self._readers:
                self._held = self._acquire(self._controller.read())
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
        with self._alone():
            held = self._acquire(self._controller.write())
        try:
            yield
        finally:
            held.release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """
        Exclude other threads, and a second acquisition in this one.

        A signal handler may ask for the lock while the thread waits for it.
        """
        with self._mutex:
            if self._is_acquiring:
                raise waits_for_itself(
                    self._policy.location(), "a lock that is being acquired", "try again later"
                )
            self._is_acquiring = True
            try:
                yield
            finally:
                self._is_acquiring = False

    def _run(self, attempt: Callable[[], None]) -> None:
        if not self._apart:
            attempt()
            return
        if self._thread is None:
            self._thread = _LockThread()
        self._thread.submit(attempt)

    def _acquire(self, lock: AbstractContextManager[object]) -> _Acquisition:
        policy = self._policy
        deadline = Deadline(
            policy.location(), policy.limit, policy.on_slow, lambda: ["another rank"]
        )
        if self._abandoned is not None:
            self._await(self._abandoned, deadline)
            self._abandoned = None
        acquisition = _Acquisition(lock, self._run)
        try:
            self._await(acquisition, deadline)
        except BaseException:
            self._abandoned = acquisition
            acquisition.abandon()
            raise
        acquisition.raise_error()
        return acquisition

    def _await(self, acquisition: _Acquisition, deadline: Deadline) -> None:
        limit = deadline.limit
        while not acquisition.is_over(max(0.0, min(POLL_INTERVAL, deadline.remaining(limit)))):
            if deadline.remaining(limit) <= 0:
                raise deadline.expired()
            deadline.poll()


def make_lock(
    service: Service,
    policy: WaitPolicy,
    file_locks_suffice: Callable[[], bool] = lambda: False,
    *,
    snapshots: bool = False,
) -> MpiLock | None:
    """
    :guilabel:`collective` The lock that excludes the ranks of BSB's MPI service.

    BSB's own lock needs four messages per use, all of which rank 0 has to answer, even if it is
    busy or gone. So it is used only if the locks of files do not exclude ranks.

    :param file_locks_suffice: collective; whether the locks of the network's files do.
    :param snapshots: as for :class:`MpiLock`.
    :returns: the lock; None if there is one rank, or the locks of files keep the ranks apart.
    """
    if service.get_size() == 1 or file_locks_suffice():
        return None
    # Without MPI there is only one rank, so MPI is installed here.
    from mpi4py import MPI

    apart = MPI.Query_thread() == MPI.THREAD_MULTIPLE
    controller = MPILock.sync(service.get_communicator())
    return MpiLock(controller, policy, apart=apart, snapshots=snapshots)
