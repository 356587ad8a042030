"""
Transactions: the locks of a session, its begin, and its commit or rollback.

Readers share; a writer excludes everybody else, among threads and ranks (:class:`StoreLock`) and
among programs (the store). A session that writes is a transaction: what it changed is committed
whole at its end, or undone.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from types import TracebackType
from typing import NoReturn, Protocol, overload

import attrs

from ..core.layouts.pending import Targets, as_far_as_stored
from ..core.layouts.protocols import NetworkReader, NetworkWriter
from ..core.provenance import WriterInfo, stamp
from ..errors import (
    ChangedMeanwhileError,
    ReadOnlyError,
    StorageError,
    StoreAccessError,
    StoreIOError,
)
from ..platform import Forks
from ..ports.arrays import GroupReader, GroupWriter
from ..ports.cache import CacheView
from ..ports.lock import Lock
from ..ports.store import NamesErrors, ReadSession, Store, WriteSession
from .interrupts import is_of_handler
from .read_write_lock import ReadWriteLock, lock_for
from .repeats import Repeats
from .session import ReadView, Session, WriteView, activate, deactivate, is_current
from .staging import Fold, Folding, Staging
from .store_lock import LockSettings, RankedLock, StoreLock
from .versioned_cache import VersionedCache


class OpenNetwork(Protocol):
    """Finds the layout of what a root group holds: see :func:`..core.layouts.detection`."""

    @overload
    def __call__(
        self, root: GroupWriter, location: str, cache: CacheView | None, /
    ) -> NetworkWriter: ...

    @overload
    def __call__(
        self, root: GroupReader, location: str, cache: CacheView | None, /
    ) -> NetworkReader: ...


@attrs.define(eq=False)
class TransactionContext:
    """
    The parameters for opening sessions of a store.

    :param store: where the network lies.
    :param ranks: excludes the other ranks; None if there are none, or the store excludes them.
    :param open_network: finds the layout of what a root group holds; is given the location, and
        what is kept of the store.
    :param writer: stamps what is written.
    :param root: root of the network as it was given, for telemetry; by default, the location of
        the store.
    :param staging: the calls that are logged beside the store, where it has that.
    """

    store: Store
    ranks: Lock | None
    open_network: OpenNetwork
    writer: WriterInfo
    settings: LockSettings
    root: str = attrs.field(default=attrs.Factory(lambda self: self.store.location, True))
    staging: Staging | None = None
    cache: VersionedCache = attrs.field(factory=VersionedCache)
    location: str = attrs.field(
        default=attrs.Factory(lambda self: self.store.location, True), init=False
    )
    # The exceptions of the library that the store is kept by (:class:`.NamesErrors`).
    errors: tuple[type[Exception], ...] = attrs.field(init=False)
    # Lookups of others find the lock for as long as it is referenced here.
    _threads: tuple[tuple[str, int], ReadWriteLock] | None = attrs.field(default=None, init=False)

    @errors.default
    def _errors_of_store(self) -> tuple[type[Exception], ...]:
        return self.store.errors if isinstance(self.store, NamesErrors) else ()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """
        Translate exceptions of the library of the store.

        :raises StoreIOError: instead of an exception of the library.
        """
        try:
            yield
        except self.errors as error:
            self.reraise(error)

    def reraise(self, error: BaseException) -> NoReturn:
        """
        Raise what was caught: an exception of the library of the store as a StoreIOError.

        Others pass, as one of these does that is an error of this package already, or of the
        handler of a signal.
        """
        is_foreign = isinstance(error, self.errors) and not isinstance(error, StorageError)
        try:
            if not is_foreign or is_of_handler(error):
                raise error
            raise StoreIOError(
                f"'{self.location}': {type(error).__name__}: {error}",
                location=self.location,
                errno=error.errno if isinstance(error, OSError) else None,
            ) from error
        finally:
            # Its traceback refers to what is in this frame: both would stay as garbage.
            del error

    def lock(self, identity: str, *, ranks: bool = True) -> StoreLock:
        """
        The lock on the store, not acquired yet.

        :param identity: identity of the store, which links in its path may change.
        :param ranks: hold off other ranks too.
        """
        # perf: load a chunk; a lookup takes longer. A forked child has locks of its own.
        wanted, known = (identity, Forks.count), self._threads
        if known is None or known[0] != wanted:
            known = self._threads = (wanted, lock_for(identity, self.location))
        threads = known[1]
        return threads if self.ranks is None or not ranks else RankedLock(threads, self.ranks)

    def write_view(self, raw: WriteSession) -> WriteView:
        """The session of a writer, and its network."""
        return raw, self.open_network(raw.root, self.location, self.cache.at(raw.version))

    def finish(self, session: Session) -> bool:
        """
        Store the pending state of a session that writes, before its commit.

        :returns: whether the network got an identity, which is announced once all is stored: a
            warning that is raised decides over no data.
        :raises SessionAbortedError: an error interrupted a change within it.
        """
        session.check_whole()
        changes = session.changes
        if not changes:
            return False
        network = session.network_writer
        upgraded = changes != session.folded and stamp(network, self.writer)
        network.flush()
        return upgraded


def _interrupts(error: BaseException) -> bool:
    """Whether an error comes from a signal, and not from the work that it interrupted."""
    return not isinstance(error, Exception) or is_of_handler(error)


class OnPending(enum.Enum):
    """How a session that reads deals with logged calls that were not carried out yet."""

    FOLD = enum.auto()
    """Have them carried out."""
    GUARD = enum.auto()
    """Raise RowsPendingError for sets that lack rows."""
    IGNORE = enum.auto()
    """Read what is stored."""


class ReadTransaction:
    """
    A session that reads.

    :param on_pending: what it does about calls that are logged at its begin.
    """

    __slots__ = ("_context", "_holder", "_identity", "_lock", "_on_pending", "_raw", "_session")

    def __init__(
        self,
        context: TransactionContext,
        identity: str,
        on_pending: OnPending = OnPending.FOLD,
    ) -> None:
        self._context = context
        self._identity = identity
        self._on_pending = on_pending

    def __enter__(self) -> Session:
        view = self.begin()
        self._session = session = Session(self._identity, view, source=self, owner=self._context)
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

    def begin(self) -> ReadView:
        """Wait for the lock, and open a view of the store; again, if it changed without one."""
        repeats: Repeats | None = None
        while True:
            try:
                return self._begin()
            except ChangedMeanwhileError as error:
                if repeats is None:
                    repeats = Repeats(self._context.location, self._context.settings)
                repeats.pause(error)

    def _begin(self) -> ReadView:
        context = self._context
        settings = context.settings
        locking = not settings.read_only
        self._raw: ReadSession | None = None
        self._lock = lock = context.lock(self._identity, ranks=locking)
        self._holder: Thread | None = lock.acquire_shared(settings.limit, settings.on_slow)
        try:
            self._raw = raw = context.store.open_read(locking=locking)
            cache = context.cache.at(raw.version)
            view = raw, context.open_network(raw.root, context.location, cache)
            # perf: load a chunk; where the version is known, the store has just been looked at.
            if raw.version is None and not locking:
                self._check_unchanged(raw)
            staging = context.staging
            if staging is None or view[1].mark is None or self._on_pending is OnPending.IGNORE:
                return view
            targets = staging.pending(*view, context.location)
            if targets and not locking:
                staging.tell_hidden(context.location, targets)
                return view
        except BaseException as error:
            try:
                if not isinstance(error, ChangedMeanwhileError) and not _interrupts(error):
                    self._check_unchanged(self._raw, error)
            finally:
                self.end()
            context.reraise(error)
        # Once it was suspended, the session goes on, whatever was logged meanwhile.
        on_pending, self._on_pending = self._on_pending, OnPending.IGNORE
        if not targets:
            return view
        if on_pending is OnPending.GUARD:
            return as_far_as_stored(*view, targets, self._identity)
        return self._folded(staging, targets)

    def _check_unchanged(self, raw: ReadSession | None, cause: BaseException | None = None) -> None:
        """
        Check that no other program changed the store since it was opened.

        :param cause: what went wrong with it.
        :raises ChangedMeanwhileError: one did.
        """
        if raw is not None and not is_current(raw):
            location = self._context.location
            raise ChangedMeanwhileError(
                f"'{location}' was changed while it was read without a lock", location=location
            ) from cause

    def _folded(self, staging: Staging, targets: Targets) -> ReadView:
        """Have the calls carried out, and open a new view of the store."""
        self.end()
        context = self._context
        try:
            with WriteTransaction(context, self._identity):
                """All is done by its begin and its commit."""
        except (StoreAccessError, ReadOnlyError):
            staging.tell_hidden(context.location, targets)
        return self.begin()

    def end(self) -> None:
        """Close the view, and release the lock."""
        raw, holder = self._raw, self._holder
        self._raw = self._holder = None
        try:
            if raw is not None:
                raw.close()
        except self._context.errors as error:
            self._context.reraise(error)
        finally:
            # It may have been suspended.
            if holder is not None:
                self._lock.release(holder)


class WriteTransaction:
    """
    A session that writes.

    :param folding: what becomes of the calls that are logged.
    """

    __slots__ = (
        *("_before", "_context", "_fold", "_folding", "_holder", "_identity", "_lock"),
        "_raw",
        "_session",
    )

    def __init__(
        self, context: TransactionContext, identity: str, folding: Folding = Folding.USUAL
    ) -> None:
        self._context = context
        self._folding = folding
        self._fold: Fold | None = None
        self._identity = identity

    def __enter__(self) -> Session:
        settings = self._context.settings
        self._lock = lock = self._context.lock(self._identity)
        self._holder = lock.acquire_exclusive(settings.limit, settings.on_slow)
        try:
            self._session = session = self._begin()
        except BaseException:
            self._release()
            raise
        activate(session)
        return session

    def _release(self) -> None:
        try:
            if self._fold is not None:
                self._fold.release()
        finally:
            self._lock.release(self._holder)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        upgraded = False
        try:
            deactivate(self._session)
            if kind is None:
                upgraded = self._commit()
            else:
                self._undo()
        finally:
            self._release()
        if upgraded:
            self._context.writer.on_upgrade()
        if isinstance(error, BlockingIOError):
            error.add_note(
                f"This write scope locks '{self._context.location}', so that nothing else"
                " opens it meanwhile. Pass the session that the scope yields as 'handle', or open"
                " the file before or after the scope."
            )

    def _begin(self) -> Session:
        context = self._context
        # perf: append 50 cells; ``with`` takes several times as long.
        try:
            self._raw = raw = context.store.open_write()
        except context.errors as error:
            context.reraise(error)
        try:
            self._before = raw.version
            view = context.write_view(raw)
            session = Session(self._identity, view, writer=view, owner=context)
            if context.staging is not None:
                self._fold = context.staging.begin(
                    session, context.writer, self._before, self._folding
                )
            return session
        except BaseException as error:
            self._roll_back()
            context.reraise(error)

    def _commit(self) -> bool:
        context, session, raw, fold = self._context, self._session, self._raw, self._fold
        try:
            # A thread of the session may be within a call.
            with session.mutex:
                changed = fold is not None and session.changes != session.folded
                upgraded = context.finish(session)
                if fold is not None:
                    fold.prepare(session, changed=changed)
                session.end()
        except BaseException as error:
            self._undo()
            context.reraise(error)
        try:
            raw.commit()
        except BaseException as error:
            context.cache.clear()
            context.reraise(error)
        if fold is not None:
            fold.finish()
        if context.staging is not None:
            context.staging.commit(raw.version)
        if session.bypassed:
            context.cache.clear()
        else:
            context.cache.advance(self._before, raw.version)
        return upgraded

    def _undo(self) -> None:
        try:
            with self._session.mutex:
                self._session.end()
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        try:
            self._raw.rollback()
        except self._context.errors as error:
            self._context.reraise(error)
        finally:
            self._context.cache.clear()
