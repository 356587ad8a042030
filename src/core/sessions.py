"""
Who may read and write a store when.

An inner session joins the outer one: what a scope stores appears when the outermost scope
ends, whole or not at all. A write inside a read session suspends it, and the read session
sees its result.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, TypeVar

import attrs

from ..errors import HandleError, ReadOnlyError, SessionAbortedError, StoreIOError
from ..ports.arrays import GroupReader, GroupWriter
from ..ports.lock import Lock
from ..ports.store import Store
from .interrupts import begin_uninterrupted, end_uninterrupted, uninterrupted
from .network import Network
from .provenance import Author
from .recollection import Memory, Recollection
from .session import Joined, Session, activate, active_session, deactivate
from .turns import Access, Reading, Settings, Turn, Writing

T = TypeVar("T")


class Sessions:
    """
    Opens and joins the sessions of one store.

    :param store: where the network lies.
    :param lock: excludes the other ranks.
    :param open_network: finds the layout of what a root group holds; is told the location,
        and what is remembered of the store.
    :param author: stamps what is written.
    """

    def __init__(
        self,
        store: Store,
        lock: Lock,
        open_network: Callable[[GroupReader, str, Memory], Network],
        author: Author,
        settings: Settings,
    ) -> None:
        self.store = store
        self.settings = settings
        self._access = Access(store, lock, open_network, author, settings)

    def scope(self, *, write: bool, handle: Any = None) -> AbstractContextManager[Session]:
        """
        A session for a block of code: the one that is open, or a new one.

        :param write: whether the block may write.
        :param handle: a session, or an open file of the backend, to use instead.
        :raises ReadOnlyError: ``write``, in read-only mode or with a handle that reads.
        :raises SessionAbortedError: an error left the changes of the scope half-way.
        """
        return uninterrupted(_Scope(self, write, handle))

    @contextmanager
    def call(self, *, write: bool, handle: Any = None) -> Iterator[Session]:
        """A session for one operation, as :meth:`run` gives it, for a block of code."""
        scope = uninterrupted(_Scope(self, write, handle), throughout=True)
        with scope as session, session.mutex, within_memory(self.store.location):
            yield session

    def run(self, operation: Callable[[Session], T], *, write: bool, handle: Any = None) -> T:
        """
        What an operation returns; no interrupt and no other thread of its session disturbs it.

        :param operation: is given the session; other parameters and errors as for :meth:`scope`.
        :raises StoreIOError: there is not enough memory.
        """
        begin_uninterrupted()
        try:
            with self.open(write=write, handle=handle) as session:
                # As ``with`` would, in half the time.
                session.mutex.acquire()
                try:
                    return operation(session)
                except MemoryError as error:
                    raise _too_large(self.store.location, error) from error
                finally:
                    session.mutex.release()
        finally:
            end_uninterrupted()

    def open(self, *, write: bool, handle: Any) -> AbstractContextManager[Session]:
        """As :meth:`scope`, to be entered at once, and with no regard to interrupts."""
        if write:
            self._check_writable()
        identity = self.store.identity
        active = active_session(identity)
        if handle is not None:
            return self._given(identity, active, handle, write=write)
        if active is None:
            return (Writing if write else Reading)(self._access, identity)
        if write and not active.writable:
            return self._promoted(active)
        return Joined(active, write=write)

    def create(self, prepare: Callable[[GroupWriter], Network]) -> None:
        """
        Make the store, with what ``prepare`` puts into its root group.

        :raises StoreExistsError: there is something.
        :raises SessionAbortedError: this thread has a session of the store open itself.
        """
        self._check_writable()
        self._check_outside("made")
        with self._turn(self.store.identity, alone=True):
            raw = self.store.create()
            try:
                prepare(raw.root).flush()
            except BaseException:
                raw.rollback()
                raise
            raw.commit()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """
        Hold off writers, to copy the store.

        :raises SessionAbortedError: this thread is writing to the store itself.
        """
        identity = self.store.identity
        active = active_session(identity)
        if active is not None and active.writable:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be copied within a write scope on it"
            )
        if active is not None:
            yield
            return
        with self._turn(identity, alone=False):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """
        Exclude every session, to move or remove the store.

        :raises ReadOnlyError: in read-only mode.
        :raises SessionAbortedError: this thread has a session of the store open itself.
        """
        self._check_writable()
        self._check_outside("moved or removed")
        with self._turn(self.store.identity, alone=True):
            yield

    def _check_writable(self) -> None:
        if self.settings.read_only:
            raise ReadOnlyError(
                f"'{self.store.location}' is in read-only mode; this operation writes"
            )

    def _check_outside(self, action: str) -> None:
        if active_session(self.store.identity) is not None:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be {action} within a scope on it"
            )

    @contextmanager
    def _turn(self, identity: str, *, alone: bool) -> Iterator[None]:
        turn = Turn(self._access, identity)
        turn.take(alone=alone)
        try:
            yield
        finally:
            turn.give_back()

    def _given(
        self, identity: str, active: Session | None, handle: Any, *, write: bool
    ) -> AbstractContextManager[Session]:
        if not isinstance(handle, Session):
            return self._adopted(identity, handle, write=write)
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
        """Let go of what a session reads from, to write, and take it up again."""
        with reader.mutex:
            if reader.source is not None:
                reader.source.end()
            try:
                with Writing(self._access, reader.identity) as session:
                    yield session
            finally:
                if reader.source is not None:
                    reader.show(reader.source.begin())

    @contextmanager
    def _adopted(self, identity: str, handle: Any, *, write: bool) -> Iterator[Session]:
        adopted = self.store.adopt(handle)
        if adopted is None:
            raise HandleError(
                f"the handle is a {type(handle).__name__};"
                " valid are an open session and an open file of the engine's backend"
            )
        raw, writable = adopted
        # What the owner of the handle makes of the changes is not known here.
        view = attrs.evolve(self._access, recollection=Recollection()).view(raw)
        session = Session(view, identity, writable=writable)
        try:
            session.check(write=write)
            with _activated(session):
                yield session
            if write:
                self._access.finish(session)
        finally:
            session.end()


class _Scope(AbstractContextManager[Session]):
    """A session, found or opened when the block begins."""

    def __init__(self, sessions: Sessions, write: bool, handle: Any) -> None:
        self._sessions = sessions
        self._write = write
        self._handle = handle

    def __enter__(self) -> Session:
        self._opened = self._sessions.open(write=self._write, handle=self._handle)
        return self._opened.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._opened.__exit__(kind, error, trace)


@contextmanager
def within_memory(location: str) -> Iterator[None]:
    """
    Report what does not fit into memory, be it that a file claims to hold more than it does.

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
        f"'{location}' holds, or says that it holds, more than there is memory for: {error}",
        location=location,
        errno=errno.ENOMEM,
    )
