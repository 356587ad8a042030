"""
Which sessions of a store may be open when.

An inner session joins the outer one: what a scope stores appears when the outermost scope
ends, whole or not at all. A write inside a read session suspends it, and the read session
sees its result.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias, TypeVar

import attrs

from ..core.layouts.pending import RowsPendingError
from ..core.layouts.protocols import NetworkWriter
from ..errors import (
    CommitConflictError,
    HandleError,
    SessionAbortedError,
    StoreIOError,
)
from ..ports.arrays import GroupWriter
from ..ports.store import AdoptsHandles, HasMode, Optimistic
from ..telemetry import is_recording
from .deadline import POLL_INTERVAL, Deadline
from .interrupts import begin_uninterrupted, end_uninterrupted, uninterrupted
from .recorded import RecordedTransaction, opening_span
from .repeats import Repeats, until_current
from .session import ACTIVE, Joined, Scope, Session, activate, active_session, deactivate
from .staged_sessions import StagedSessions
from .store_lock import LockSettings
from .transaction import (
    OnPending,
    ReadTransaction,
    TransactionContext,
    WriteTransaction,
)
from .versioned_cache import VersionedCache

T = TypeVar("T")
Arguments: TypeAlias = tuple[Any, ...]
Options: TypeAlias = Mapping[str, Any]

_IN_USE = "is in use by another thread of the same scope"


class Sessions(StagedSessions):
    """
    Opens and joins the sessions of one store.

    :param context: what it takes to open a session.
    """

    def __init__(self, context: TransactionContext) -> None:
        self._context = context
        store = context.store
        self.is_optimistic = isinstance(store, Optimistic) and store.is_optimistic
        """Whether a call that is a session of its own may be made more than once."""

    @property
    def settings(self) -> LockSettings:
        """How sessions are opened."""
        return self._context.settings

    def scope(self, *, write: bool, handle: object = None) -> AbstractContextManager[Session]:
        """
        A session for a block of code: the one that is open, or a new one.

        :param write: whether the block may write.
        :param handle: a session, or an open file of the backend, to use instead.
        :raises ReadOnlyError: ``write``, in read-only mode or with a handle that reads.
        :raises SessionAbortedError: an error interrupted a change within the scope.
        """
        return uninterrupted(lambda: Scope(self._open(write=write, handle=handle)))

    def run(self, operation: Callable[[Session], T], *, write: bool, handle: object = None) -> T:
        """
        Run an operation in a session; no interrupt and no other thread of its session disturbs it.

        :param operation: is given the session; other parameters and errors as for :meth:`scope`.
        :returns: what the operation returns.
        :raises StoreIOError: there is not enough memory.
        """
        result: T = self.call(_given, (operation,), {}, write=write, handle=handle)
        return result

    def call(
        self,
        function: Callable[..., T],
        args: Arguments,
        kwargs: Options,
        *,
        write: bool,
        handle: object,
    ) -> T:
        """As :meth:`run`, for a function with arguments that gets the session as ``handle``."""
        begin_uninterrupted()
        try:
            if not write and self._context.settings.read_only:
                return self._call_without_lock(function, args, kwargs, handle)
            try:
                with self._open(write=write, handle=handle, on_pending=OnPending.GUARD) as session:
                    return self._call_in(session, function, args, kwargs)
            except RowsPendingError as pending:
                if pending.identity != self.store.identity or self.in_scope:
                    raise
                with self._open(write=write, handle=None) as session:
                    return self._call_in(session, function, args, kwargs)
            except CommitConflictError as conflict:
                # Raised where a session ends, not where one was joined, and it may be another's.
                if conflict.fields.get("location") != self.store.location:
                    raise
                return self._call_again(function, args, kwargs, conflict)
        finally:
            end_uninterrupted()

    def _call_again(
        self,
        function: Callable[..., T],
        args: Arguments,
        kwargs: Options,
        conflict: CommitConflictError,
    ) -> T:
        """Repeat a call on what another program committed, until the deadline."""
        settings = self._context.settings
        deadline = Deadline(self.store.location, settings.limit, settings.on_slow, list)
        while not deadline.is_over:
            # Two that wait for the same time would meet again.
            time.sleep(random.uniform(0, POLL_INTERVAL))
            deadline.poll()
            try:
                with self._open(write=True, handle=None) as session:
                    return self._call_in(session, function, args, kwargs)
            except CommitConflictError as again:
                conflict = again
        raise conflict

    def _call_in(
        self, session: Session, function: Callable[..., T], args: Arguments, kwargs: Options
    ) -> T:
        # perf: load a chunk; ``with`` takes twice as long.
        if not session.mutex.acquire(blocking=False):
            self._await_turn(session)
        before = 0
        try:
            before = session.changes
            return function(*args, handle=session, **kwargs)
        except BaseException as error:
            session.note_failure(error, before)
            if isinstance(error, MemoryError):
                raise _too_large(self.store.location, error) from error
            self._context.reraise(error)
        finally:
            session.mutex.release()

    def _await_turn(self, session: Session) -> None:
        """
        Wait until no other thread uses a session, and keep others from it.

        :raises LockTimeoutError: that took longer than the limit.
        """
        settings = self._context.settings
        deadline = Deadline(
            self.store.location, settings.limit, settings.on_slow, list, state=_IN_USE
        )
        while not session.mutex.acquire(timeout=POLL_INTERVAL):
            if deadline.is_over:
                raise deadline.expired()
            deadline.poll()

    @contextmanager
    def _turn(self, session: Session) -> Iterator[None]:
        """Keep other threads from a session; errors as for :meth:`_await_turn`."""
        if not session.mutex.acquire(blocking=False):
            self._await_turn(session)
        try:
            yield
        finally:
            session.mutex.release()

    def _call_without_lock(
        self, function: Callable[..., T], args: Arguments, kwargs: Options, handle: object
    ) -> T:
        """Call a function that reads; again, if another program commits meanwhile."""
        given = function, args, kwargs, self._begin_repeats
        with self._open(write=False, handle=handle) as session:
            result: T = self._call_in(session, until_current, given, {})
            return result

    def _begin_repeats(self) -> Repeats:
        return Repeats(self.store.location, self._context.settings)

    def _open(
        self, *, write: bool, handle: object, on_pending: OnPending = OnPending.FOLD
    ) -> AbstractContextManager[Session]:
        """As :meth:`scope`, without holding up interrupts; to be entered at once."""
        context = self._context
        if write and context.settings.read_only:
            self._check_writable()
        current = ACTIVE.get()
        if not current and handle is None:
            return self._transaction(context.store.identity, write=write, on_pending=on_pending)
        if handle is None:
            # perf: 729 blocks, one scope; else the system is asked which file a path names.
            innermost = current[-1]
            if innermost.owner is context and not innermost.closed:
                return self._within(innermost, write=write)
        identity = context.store.identity
        active = active_session(identity)
        if handle is not None:
            return self._given(identity, active, handle, write=write)
        if active is None:
            return self._transaction(identity, write=write, on_pending=on_pending)
        return self._within(active, write=write)

    def _within(self, active: Session, *, write: bool) -> AbstractContextManager[Session]:
        if write and not active.writable:
            return self._promoted(active)
        return Joined(active, write=write)

    def _transaction(
        self, identity: str, *, write: bool, on_pending: OnPending = OnPending.FOLD
    ) -> AbstractContextManager[Session]:
        transaction = (
            WriteTransaction(self._context, identity)
            if write
            else ReadTransaction(self._context, identity, on_pending)
        )
        if not is_recording():
            return transaction
        return RecordedTransaction(transaction, self._context.root, "a" if write else "r")

    def create(
        self, prepare: Callable[[GroupWriter], NetworkWriter], mode: int | None = None
    ) -> None:
        """
        Make the store, with what ``prepare`` puts into its root group.

        :param mode: which users may read and write it, where the place of the store has that;
            None leaves that to the system.
        :raises StoreExistsError: there is something.
        :raises SessionAbortedError: this thread has a session of the store open itself.
        """
        self._check_writable()
        self.check_outside("made")
        recorded = opening_span(self._context.root, "w") if is_recording() else nullcontext()
        with self._locked(self.store.identity, exclusive=True), recorded:
            with self._context.translated():
                store = self.store
                raw = store.create(mode=mode) if isinstance(store, HasMode) else store.create()
            with self._context.translated():
                try:
                    prepare(raw.root).flush()
                except BaseException:
                    raw.rollback()
                    raise
                raw.commit()

    @contextmanager
    def hold_shared(self) -> Iterator[None]:
        """
        Hold off writers, to copy the store.

        :raises SessionAbortedError: this thread is writing to the store itself.
        """
        self.settle()
        identity = self.store.identity
        active = active_session(identity)
        if active is not None and active.writable:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be copied within a write scope on it"
            )
        if active is not None:
            with self._turn(active), self._context.translated():
                # A write within it may have suspended it.
                active.resume()
                yield
            return
        with self._locked(identity, exclusive=False), self._context.translated():
            yield

    @contextmanager
    def hold_exclusive(self, *, settled: bool = True) -> Iterator[None]:
        """
        Exclude every session, to move or remove the store.

        :param settled: carry out logged calls before.
        :raises ReadOnlyError: in read-only mode.
        :raises SessionAbortedError: this thread has a session of the store open itself.
        """
        self._check_writable()
        self.check_outside("moved or removed")
        if settled:
            self.settle()
        with self._locked(self.store.identity, exclusive=True), self._context.translated():
            yield

    def check_outside(self, action: str) -> None:
        """
        Check that this thread has no session of the store open.

        :param action: what can't be done within one, as a participle.
        :raises SessionAbortedError: it has.
        """
        if self.in_scope:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be {action} within a scope on it"
            )

    @contextmanager
    def _locked(self, identity: str, *, exclusive: bool) -> Iterator[None]:
        lock, settings = self._context.lock(identity), self._context.settings
        acquire = lock.acquire_exclusive if exclusive else lock.acquire_shared
        holder = acquire(settings.limit, settings.on_slow)
        try:
            yield
        finally:
            lock.release(holder)

    def _given(
        self, identity: str, active: Session | None, handle: object, *, write: bool
    ) -> AbstractContextManager[Session]:
        if not isinstance(handle, Session):
            return self._adopted(identity, active, handle, write=write)
        if handle.identity != identity:
            raise HandleError(
                f"the handle is a session on '{handle.identity}', not on '{identity}'"
            )
        if handle is active:
            return Joined(handle, write=write)
        return self._joined(handle, write=write)

    @contextmanager
    def _joined(self, session: Session, *, write: bool) -> Iterator[Session]:
        with Joined(session, write=write), _activated(session):
            yield session

    @contextmanager
    def _promoted(self, reader: Session) -> Iterator[Session]:
        """Suspend a session that reads while a write within it lasts."""
        with self._turn(reader):
            reader.suspend()
            with (
                self._transaction(reader.identity, write=True) as session,
                reader.following(session),
            ):
                yield session

    @contextmanager
    def _adopted(
        self, identity: str, active: Session | None, handle: object, *, write: bool
    ) -> Iterator[Session]:
        store = self.store
        adopted = store.adopt(handle) if isinstance(store, AdoptsHandles) else None
        if adopted is None:
            raise HandleError(
                f"the handle is a {type(handle).__name__};"
                " pass an open session, or an open file of the engine's backend"
            )
        if active is not None and active.owner is None:
            # Another session on an open file would put its rows where those of this one belong.
            with Joined(active, write=write):
                yield active
            return
        raw, writable = adopted
        # What the owner of the handle makes of the changes is not known here.
        view = attrs.evolve(self._context, cache=VersionedCache()).write_view(raw)
        self._check_adopted(raw, view[1], write=write)
        # Nothing may be written to a network that lacks rows.
        writes = writable and (write or view[1].mark is None)
        session = Session(identity, view, writer=view if writes else None)
        upgraded = False
        try:
            session.check(write=write)
            with _activated(session):
                yield session
            # What only reads may be a method of a user's own, within which others write.
            if session.writable:
                upgraded = self._context.finish(session)
        finally:
            session.end()
        if upgraded:
            self._context.writer.on_upgrade()


def _given(operation: Callable[[Session], T], *, handle: Session) -> T:
    return operation(handle)


@contextmanager
def within_memory(location: str) -> Iterator[None]:
    """
    Report content that does not fit into memory, or a file that claims to hold so much.

    :raises StoreIOError: instead of a MemoryError.
    """
    try:
        yield
    except MemoryError as error:
        raise _too_large(location, error) from error


@contextmanager
def _activated(session: Session) -> Iterator[None]:
    activate(session)
    try:
        yield
    finally:
        deactivate(session)


def _too_large(location: str, error: MemoryError) -> StoreIOError:
    return StoreIOError(
        f"'{location}' holds, or claims to hold, more than fits in memory: {error}",
        location=location,
        errno=errno.ENOMEM,
    )
