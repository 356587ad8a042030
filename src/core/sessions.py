"""
Who may read and write a store when, and what a transaction is.

A session belongs to the context that opened it (``contextvars``: a thread, or a thread
that was handed a copy of its maker's context). An inner session joins the outer one: what
a scope stores appears when the outermost scope ends, whole or not at all. Readers share;
a writer is alone, among the threads of a process (:class:`Gate`), among the ranks of a
program (the lock port), and among programs (the store).

A write inside a read session suspends it, and the read session sees its result.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, cast

import attrs

from ..errors import (
    HandleError,
    ReadOnlyError,
    SessionAbortedError,
    SessionClosedError,
    StoreIOError,
)
from ..ports.arrays import GroupReader, GroupWriter
from ..ports.lock import Lock
from ..ports.store import ReadSession, Store, WriteSession
from .gate import Gate, gate_of
from .interrupts import begin_uninterrupted, end_uninterrupted, uninterrupted
from .network import Network
from .provenance import Author, stamp
from .recollection import Memory, Recollection

T = TypeVar("T")


View: TypeAlias = tuple[ReadSession | WriteSession, Network]


class Session:
    """
    An open session: what ``handle=`` takes.

    ``network`` is the stored network, in the layout that the store was found to have.
    """

    def __init__(
        self, view: View, identity: str, *, writable: bool, turn: _ReadersTurn | None = None
    ) -> None:
        self.identity = identity
        self._view: View | None = view
        self.writable = writable
        # What a read session holds, so that a write within it can let go of it.
        self.turn = turn
        self.mutex = threading.RLock()
        self.doomed: BaseException | None = None
        # Whether somebody may have written past the network, to the groups and arrays.
        self.bypassed = False

    @property
    def closed(self) -> bool:
        return self._view is None

    @property
    def root(self) -> GroupReader:
        """The root group of the store."""
        self.bypassed = True
        return self._open_view()[0].root

    @property
    def network(self) -> Network:
        return self._open_view()[1]

    @property
    def changes(self) -> int:
        """How many changes the session made so far."""
        raw, network = self._open_view()
        return network.changes + (cast(WriteSession, raw).changes if self.writable else 0)

    def check(self, *, write: bool) -> None:
        """
        Check that the session can be used.

        :raises SessionClosedError: it has ended.
        :raises ReadOnlyError: ``write``, and it only reads.
        :raises SessionAbortedError: ``write``, and an error left it half-way.
        """
        self._open_view()
        if write and not self.writable:
            raise ReadOnlyError("the handle only reads; this operation writes")
        if write and self.doomed is not None:
            raise _aborted(self.doomed)

    def show(self, view: View) -> None:
        """Point the session at another view of the store."""
        self._view = view

    def end(self) -> None:
        """Nothing can be read or written any more."""
        self._view = None

    def _open_view(self) -> View:
        if self._view is None:
            raise SessionClosedError("the session that this handle belongs to has ended")
        return self._view


def _aborted(cause: BaseException) -> SessionAbortedError:
    return SessionAbortedError(
        "an error interrupted a change within this write scope, so none of the scope is stored:"
        f" {type(cause).__name__}: {cause}"
    )


_ACTIVE: ContextVar[Mapping[str, Session] | None] = ContextVar("bsb_hdf5_sessions", default=None)
# The sessions of a process are not those of its forked children.
os.register_at_fork(after_in_child=lambda: _ACTIVE.set(None))


@attrs.define
class Settings:
    """
    How sessions are opened.

    :param read_only: take no locks on the store, and refuse to write.
    :param limit: seconds to wait for other threads.
    :param on_slow: is told once, with the seconds waited, when that takes long.
    """

    read_only: bool = False
    limit: float = 600.0
    on_slow: Callable[[float], None] = lambda waited: None


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
        self.lock = lock
        self.settings = settings
        self._open_network = open_network
        self._author = author
        self._recollection = Recollection()

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
            with self.open(write=write, handle=handle) as session, session.mutex:
                try:
                    return operation(session)
                except MemoryError as error:
                    raise _too_large(self.store.location, error) from error
        finally:
            end_uninterrupted()

    def open(self, *, write: bool, handle: Any) -> AbstractContextManager[Session]:
        """As :meth:`scope`, to be entered at once, and with no regard to interrupts."""
        if write:
            self._check_writable()
        identity = self.store.identity
        active = _active(identity)
        if handle is not None:
            return self._given(identity, active, handle, write=write)
        if active is None:
            return self._writing(identity) if write else _Reading(self, identity)
        if write and not active.writable:
            return self._promoted(active)
        return _Joined(active, write=write)

    def create(self, prepare: Callable[[GroupWriter], Network]) -> None:
        """
        Make the store, with what ``prepare`` puts into its root group.

        :raises StoreExistsError: there is something.
        :raises SessionAbortedError: this thread has a session of the store open itself.
        """
        self._check_writable()
        self._check_outside("made")
        with self._alone(self.store.identity), self.lock.exclusive():
            raw = self.store.create()
            with _Committed(raw):
                prepare(raw.root).flush()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """
        Hold off writers, to copy the store.

        :raises SessionAbortedError: this thread is writing to the store itself.
        """
        identity = self.store.identity
        active = _active(identity)
        if active is not None and active.writable:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be copied within a write scope on it"
            )
        if active is not None:
            yield
            return
        with self._shared(identity), self.lock.shared():
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
        with self._alone(self.store.identity), self.lock.exclusive():
            yield

    def _check_writable(self) -> None:
        if self.settings.read_only:
            raise ReadOnlyError(
                f"'{self.store.location}' is in read-only mode; this operation writes"
            )

    def _check_outside(self, action: str) -> None:
        if _active(self.store.identity) is not None:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be {action} within a scope on it"
            )

    def _gate(self, identity: str) -> Gate:
        return gate_of(identity, self.store.location)

    def _alone(self, identity: str) -> AbstractContextManager[None]:
        settings = self.settings
        return self._gate(identity).exclusive(settings.limit, settings.on_slow)

    def _shared(self, identity: str) -> AbstractContextManager[None]:
        settings = self.settings
        return self._gate(identity).shared(settings.limit, settings.on_slow)

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
            return _Joined(handle, write=write)
        return self._joined(handle, write=write)

    @contextmanager
    def _joined(self, session: Session, *, write: bool) -> Iterator[Session]:
        with _Joined(session, write=write), _Activated(session):
            yield session

    def _view(self, raw: ReadSession | WriteSession) -> View:
        memory = self._recollection.at(raw.version)
        return raw, self._open_network(raw.root, self.store.location, memory)

    @contextmanager
    def _writing(self, identity: str) -> Iterator[Session]:
        with self._alone(identity), self.lock.exclusive():
            raw = self.store.open_write()
            before = raw.version
            try:
                with _Committed(raw):
                    session = Session(self._view(raw), identity, writable=True)
                    try:
                        with _Activated(session):
                            yield session
                        # A thread of the session may be within a call.
                        with session.mutex:
                            self._finish(session)
                            session.end()
                    finally:
                        with session.mutex:
                            session.end()
                        if session.bypassed:
                            self._recollection.forget()
            except BaseException:
                self._recollection.forget()
                raise
            self._recollection.advance(before, raw.version)

    @contextmanager
    def _promoted(self, reader: Session) -> Iterator[Session]:
        """Let go of what a session reads from, to write, and take it up again."""
        with reader.mutex:
            if reader.turn is not None:
                reader.turn.end()
            try:
                with self._writing(reader.identity) as session:
                    yield session
            finally:
                if reader.turn is not None:
                    reader.show(reader.turn.begin())

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
        network = self._open_network(raw.root, self.store.location, Recollection().at(raw.version))
        session = Session((raw, network), identity, writable=writable)
        try:
            session.check(write=write)
            with _Activated(session):
                yield session
            if write:
                self._finish(session)
        finally:
            session.end()

    def _finish(self, session: Session) -> None:
        if session.doomed is not None:
            raise _aborted(session.doomed)
        if not session.changes:
            return
        network = session.network
        upgraded = stamp(network, self._author)
        network.flush()
        if upgraded:
            self._author.on_upgrade()


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


class _ReadersTurn:
    """What a read session holds: the gate, the lock and a session of the store."""

    def __init__(self, sessions: Sessions, identity: str) -> None:
        self._sessions = sessions
        self._identity = identity
        self._held: list[Callable[[], object]] = []

    def begin(self) -> View:
        """Wait for a turn, and look at the store."""
        sessions = self._sessions
        store, settings = sessions.store, sessions.settings
        try:
            self._enter(sessions._shared(self._identity))
            if not settings.read_only:
                self._enter(sessions.lock.shared())
            raw = store.open_read(locking=not settings.read_only)
            self._held.append(raw.close)
            return sessions._view(raw)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Let go of it, the last first."""
        while self._held:
            try:
                self._held.pop()()
            except BaseException:
                self.end()
                raise

    def _enter(self, turn: AbstractContextManager[None]) -> None:
        turn.__enter__()
        self._held.append(lambda: turn.__exit__(None, None, None))


class _Reading(AbstractContextManager[Session]):
    """A session that reads."""

    def __init__(self, sessions: Sessions, identity: str) -> None:
        self._turn = _ReadersTurn(sessions, identity)
        self._identity = identity

    def __enter__(self) -> Session:
        view = self._turn.begin()
        self._session = Session(view, self._identity, writable=False, turn=self._turn)
        self._activated = _Activated(self._session)
        self._activated.__enter__()
        return self._session

    def __exit__(self, *_: object) -> None:
        try:
            self._activated.__exit__()
            # A thread of the session may be within a call.
            with self._session.mutex:
                self._session.end()
        finally:
            self._turn.end()


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


class _Activated(AbstractContextManager[None]):
    """What runs in this context joins the session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        identity, current = self._session.identity, _ACTIVE.get() or {}
        self._before = current.get(identity)
        _ACTIVE.set({**current, identity: self._session})

    def __exit__(self, *_: object) -> None:
        # Others may have come and not gone yet, or this may be another context.
        identity, current = self._session.identity, dict(_ACTIVE.get() or {})
        if current.get(identity) is self._session:
            del current[identity]
            if self._before is not None:
                current[identity] = self._before
            _ACTIVE.set(current)


class _Joined(AbstractContextManager[Session]):
    """
    A part of a session that is open.

    An error in a part that has changed something leaves the session half-way, so that it can't be
    committed any more.
    """

    def __init__(self, session: Session, *, write: bool) -> None:
        self._session = session
        self._write = write

    def __enter__(self) -> Session:
        self._session.check(write=self._write)
        self._before = self._session.changes
        return self._session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session = self._session
        if error is None or session.closed or session.doomed is not None:
            return
        if session.changes != self._before:
            session.doomed = error


class _Committed(AbstractContextManager[None]):
    """Commits what a block changed, or undoes it if it raises."""

    def __init__(self, raw: WriteSession) -> None:
        self._raw = raw

    def __enter__(self) -> None:
        """The changes began with the session."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._raw.commit()
        else:
            self._raw.rollback()


def _active(identity: str) -> Session | None:
    """The session of a store that is open in this context."""
    session = (_ACTIVE.get() or {}).get(identity)
    return None if session is None or session.closed else session


def _too_large(location: str, error: MemoryError) -> StoreIOError:
    return StoreIOError(
        f"'{location}' holds, or says that it holds, more than there is memory for: {error}",
        location=location,
        errno=errno.ENOMEM,
    )
