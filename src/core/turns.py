"""
What a session holds while it lasts, and what it does at its end.

Readers share; a writer is alone, among the threads of a process (:class:`Gate`), among the
ranks of a program (the lock port), and among programs (the store). A session that writes is a
transaction: what it changed is committed whole at its end, or undone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

import attrs

from ..ports.arrays import GroupReader
from ..ports.lock import Lock
from ..ports.store import ReadSession, Store, WriteSession
from .gate import Gate, gate_of
from .network import Network
from .patience import OnSlow
from .provenance import Author, stamp
from .recollection import Memory, Recollection
from .session import Session, View, activate, deactivate


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
    on_slow: OnSlow = lambda waited: None


@attrs.define(eq=False)
class Access:
    """
    What it takes to open sessions of a store.

    :param store: where the network lies.
    :param lock: excludes the other ranks.
    :param open_network: finds the layout of what a root group holds; is told the location,
        and what is remembered of the store.
    :param author: stamps what is written.
    """

    store: Store
    lock: Lock
    open_network: Callable[[GroupReader, str, Memory], Network]
    author: Author
    settings: Settings
    recollection: Recollection = attrs.field(factory=Recollection)

    def view(self, raw: ReadSession | WriteSession) -> View:
        """What a session of the store shows."""
        memory = self.recollection.at(raw.version)
        return raw, self.open_network(raw.root, self.store.location, memory)

    def finish(self, session: Session) -> None:
        """
        Store what a session that writes gathered.

        :raises SessionAbortedError: an error left it half-way.
        """
        session.check_whole()
        if not session.changes:
            return
        network = session.network
        upgraded = stamp(network, self.author)
        network.flush()
        if upgraded:
            self.author.on_upgrade()


class Turn:
    """
    A turn among the threads of the process, and among the ranks.

    :param identity: of the store.
    """

    __slots__ = ("_access", "_alone", "_gate", "_identity", "_lock")

    def __init__(self, access: Access, identity: str) -> None:
        self._access = access
        self._identity = identity

    def take(self, *, alone: bool, locking: bool = True) -> None:
        """
        Wait for it.

        :param alone: hold off everybody else, and not only writers.
        :param locking: hold off other ranks too.
        :raises LockTimeoutError: other threads, or ranks, took longer than the limit.
        """
        access, settings = self._access, self._access.settings
        gate = gate_of(self._identity, access.store.location)
        if alone:
            gate.enter_exclusive(settings.limit, settings.on_slow)
        else:
            gate.enter_shared(settings.limit, settings.on_slow)
        self._alone = alone
        self._gate: Gate | None = gate
        self._lock: AbstractContextManager[None] | None = None
        if not locking:
            return
        try:
            lock = access.lock.exclusive() if alone else access.lock.shared()
            lock.__enter__()
        except BaseException:
            self.give_back()
            raise
        self._lock = lock

    def give_back(self) -> None:
        """Let the others go on; once is enough."""
        gate, lock = self._gate, self._lock
        self._gate = self._lock = None
        try:
            if lock is not None:
                # Errors are not for a lock to judge.
                lock.__exit__(None, None, None)
        finally:
            if gate is not None:
                if self._alone:
                    gate.leave_exclusive()
                else:
                    gate.leave_shared()


class Reading(Turn):
    """A session that reads."""

    __slots__ = ("_raw", "_session")

    def __enter__(self) -> Session:
        view = self.begin()
        self._session = session = Session(view, self._identity, writable=False, source=self)
        activate(session)
        return session

    def __exit__(self, *_: object) -> None:
        session = self._session
        try:
            deactivate(session)
            # A thread of the session may be within a call.
            with session.mutex:
                session.end()
        finally:
            self.end()

    def begin(self) -> View:
        """Wait for a turn, and look at the store."""
        access = self._access
        locking = not access.settings.read_only
        self._raw: ReadSession | None = None
        self.take(alone=False, locking=locking)
        try:
            self._raw = raw = access.store.open_read(locking=locking)
            return access.view(raw)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Let go of it, the last first."""
        raw, self._raw = self._raw, None
        try:
            if raw is not None:
                raw.close()
        finally:
            self.give_back()


class Writing(Turn):
    """A session that writes."""

    __slots__ = ("_before", "_raw", "_session")

    def __enter__(self) -> Session:
        self.take(alone=True)
        try:
            self._session = session = self._begin()
        except BaseException:
            self.give_back()
            raise
        activate(session)
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            deactivate(self._session)
            if kind is None:
                self._store()
            else:
                self._undo()
        finally:
            self.give_back()

    def _begin(self) -> Session:
        access = self._access
        self._raw = raw = access.store.open_write()
        try:
            self._before = raw.version
            return Session(access.view(raw), self._identity, writable=True)
        except BaseException:
            self._discard()
            raise

    def _store(self) -> None:
        access, session, raw = self._access, self._session, self._raw
        try:
            # A thread of the session may be within a call.
            with session.mutex:
                access.finish(session)
                session.end()
        except BaseException:
            self._undo()
            raise
        try:
            raw.commit()
        except BaseException:
            access.recollection.forget()
            raise
        if session.bypassed:
            access.recollection.forget()
        else:
            access.recollection.advance(self._before, raw.version)

    def _undo(self) -> None:
        try:
            with self._session.mutex:
                self._session.end()
        finally:
            self._discard()

    def _discard(self) -> None:
        try:
            self._raw.rollback()
        finally:
            self._access.recollection.forget()
