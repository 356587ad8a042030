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
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, cast

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
from .interrupts import uninterrupted
from .network import Network
from .provenance import Author, advance
from .recollection import Memory, Recollection


class Session:
    """
    An open session: what ``handle=`` takes.

    ``network`` is the stored network, in the layout that the store was found to have.
    """

    def __init__(
        self,
        raw: ReadSession | WriteSession,
        network: Network,
        identity: str,
        *,
        writable: bool,
    ) -> None:
        self.identity = identity
        self._view: tuple[ReadSession | WriteSession, Network] | None = (raw, network)
        self.writable = writable
        self.mutex = threading.RLock()
        self.doomed: BaseException | None = None
        # Whether somebody may have written past the network, to the groups and arrays.
        self.bypassed = False
        # What a read session holds, so that a write within it can let go of it.
        self.held = ExitStack()

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

    def show(self, raw: ReadSession | WriteSession, network: Network) -> None:
        """Point the session at another view of the store."""
        self._view = (raw, network)

    def end(self) -> None:
        """Nothing can be read or written any more."""
        self._view = None

    def _open_view(self) -> tuple[ReadSession | WriteSession, Network]:
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
    """

    read_only: bool = False
    limit: float = 600.0


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
        return uninterrupted(self._scope(write=write, handle=handle))

    def call(self, *, write: bool, handle: Any = None) -> AbstractContextManager[Session]:
        """A session for one operation, which no other thread of the session disturbs."""
        return uninterrupted(self._call(write=write, handle=handle), throughout=True)

    @contextmanager
    def _scope(self, *, write: bool, handle: Any) -> Iterator[Session]:
        if write:
            self._check_writable()
        if handle is not None:
            with self._given(handle, write=write) as session, _activated(session):
                yield session
            return
        active = self._active()
        if active is None:
            opened = self._writing() if write else self._reading()
            with opened as session, _activated(session):
                yield session
        elif write and not active.writable:
            with self._promoted(active) as session:
                yield session
        else:
            with self._joined(active, write=write) as session:
                yield session

    @contextmanager
    def _call(self, *, write: bool, handle: Any) -> Iterator[Session]:
        guarded = within_memory(self.store.location)
        with self._scope(write=write, handle=handle) as session, session.mutex, guarded:
            yield session

    def create(self, prepare: Callable[[GroupWriter], Network]) -> None:
        """
        Make the store, with what ``prepare`` puts into its root group.

        :raises StoreExistsError: there is something.
        :raises SessionAbortedError: this thread has a session of the store open itself.
        """
        self._check_writable()
        self._check_outside("made")
        with self._gate_exclusive(), self.lock.exclusive():
            raw = self.store.create()
            with _committed(raw):
                prepare(raw.root).flush()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """
        Hold off writers, to copy the store.

        :raises SessionAbortedError: this thread is writing to the store itself.
        """
        active = self._active()
        if active is not None and active.writable:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be copied within a write scope on it"
            )
        if active is not None:
            yield
            return
        with self._gate_shared(), self.lock.shared():
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
        with self._gate_exclusive(), self.lock.exclusive():
            yield

    def _check_writable(self) -> None:
        if self.settings.read_only:
            raise ReadOnlyError(
                f"'{self.store.location}' is in read-only mode; this operation writes"
            )

    def _check_outside(self, action: str) -> None:
        if self._active() is not None:
            raise SessionAbortedError(
                f"'{self.store.location}' can't be {action} within a scope on it"
            )

    def _gate(self) -> Gate:
        return gate_of(self.store.identity, self.store.location)

    def _gate_shared(self) -> AbstractContextManager[None]:
        return self._gate().shared(self.settings.limit)

    def _gate_exclusive(self) -> AbstractContextManager[None]:
        return self._gate().exclusive(self.settings.limit)

    def _active(self) -> Session | None:
        session = (_ACTIVE.get() or {}).get(self.store.identity)
        return None if session is None or session.closed else session

    def _given(self, handle: Any, *, write: bool) -> AbstractContextManager[Session]:
        if not isinstance(handle, Session):
            return self._adopted(handle, write=write)
        if handle.identity != self.store.identity:
            raise HandleError(
                f"the handle is a session on '{handle.identity}', not on '{self.store.identity}'"
            )
        return self._joined(handle, write=write)

    @contextmanager
    def _joined(self, session: Session, *, write: bool) -> Iterator[Session]:
        session.check(write=write)
        with _watched(session):
            yield session

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with ExitStack() as held:
            session = Session(*self._view(held), self.store.identity, writable=False)
            # A write within this scope swaps what is held (see _promoted).
            session.held = held
            try:
                yield session
            finally:
                # A thread of the session may be within a call.
                with session.mutex:
                    session.end()

    def _view(self, held: ExitStack) -> tuple[ReadSession, Network]:
        held.enter_context(self._gate_shared())
        locking = not self.settings.read_only
        if locking:
            held.enter_context(self.lock.shared())
        raw = self.store.open_read(locking=locking)
        held.callback(raw.close)
        return raw, self._network(raw, self._recollection)

    def _network(self, raw: ReadSession | WriteSession, recollection: Recollection) -> Network:
        memory = recollection.at(raw.version)
        return self._open_network(raw.root, self.store.location, memory)

    @contextmanager
    def _recollected(self, raw: WriteSession) -> Iterator[None]:
        before = raw.version
        try:
            yield
        except BaseException:
            self._recollection.forget()
            raise
        self._recollection.advance(before, raw.version)

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._gate_exclusive(), self.lock.exclusive():
            raw = self.store.open_write()
            with self._recollected(raw), _committed(raw):
                network = self._network(raw, self._recollection)
                session = Session(raw, network, self.store.identity, writable=True)
                try:
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

    @contextmanager
    def _promoted(self, reader: Session) -> Iterator[Session]:
        with reader.mutex:
            reader.held.close()
            try:
                with self._writing() as session, _activated(session):
                    yield session
            finally:
                reader.show(*self._view(reader.held))

    @contextmanager
    def _adopted(self, handle: Any, *, write: bool) -> Iterator[Session]:
        adopted = self.store.adopt(handle)
        if adopted is None:
            raise HandleError(
                f"the handle is a {type(handle).__name__};"
                " valid are an open session and an open file of the engine's backend"
            )
        raw, writable = adopted
        # What the owner of the handle makes of the changes is not known here.
        network = self._network(raw, Recollection())
        session = Session(raw, network, self.store.identity, writable=writable)
        try:
            session.check(write=write)
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
        bundle, upgraded = advance(network.provenance, self._author)
        network.set_provenance(bundle)
        network.set_versions(self._author.bsb_version, self._author.engine_version)
        network.flush()
        if upgraded:
            self._author.on_upgrade()


@contextmanager
def within_memory(location: str) -> Iterator[None]:
    """
    Report what does not fit into memory, be it that a file claims to hold more than it does.

    :raises StoreIOError: instead of a MemoryError.
    """
    try:
        yield
    except MemoryError as error:
        raise StoreIOError(
            f"'{location}' holds, or says that it holds, more than there is memory for: {error}",
            location=location,
            errno=errno.ENOMEM,
        ) from error


@contextmanager
def _activated(session: Session) -> Iterator[None]:
    """What runs in this context joins the session."""
    before = (_ACTIVE.get() or {}).get(session.identity)
    _ACTIVE.set({**(_ACTIVE.get() or {}), session.identity: session})
    try:
        yield
    finally:
        # Others may have come and not gone yet, or this may be another context.
        current = dict(_ACTIVE.get() or {})
        if current.get(session.identity) is session:
            del current[session.identity]
            if before is not None:
                current[session.identity] = before
            _ACTIVE.set(current)


@contextmanager
def _watched(session: Session) -> Iterator[None]:
    """Note that an error left an inner scope half-way: the outer one must not commit it."""
    before = session.changes
    try:
        yield
    except BaseException as error:
        if not session.closed and session.changes != before and session.doomed is None:
            session.doomed = error
        raise


@contextmanager
def _committed(raw: WriteSession) -> Iterator[None]:
    try:
        yield
    except BaseException:
        raw.rollback()
        raise
    raw.commit()
