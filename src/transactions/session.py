"""
A session, and the sessions that are active in a context.

A session belongs to the context that opened it (``contextvars``: a thread, or a thread that
was handed a copy of its maker's context).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from ..core.layouts.protocols import NetworkReader, NetworkWriter
from ..errors import HandleError, ReadOnlyError, SessionAbortedError, SessionClosedError
from ..platform import after_fork_in_child
from ..ports.arrays import AnyReader, GroupReader, GroupWriter
from ..ports.store import ReadSession, WriteSession

# What ``threading.RLock`` calls.
_RLock = type(threading.RLock())

H5pyObject: TypeAlias = Any
"""A node or attribute of h5py, which has no types."""
ReadView: TypeAlias = tuple[ReadSession | WriteSession, NetworkReader]
WriteView: TypeAlias = tuple[WriteSession, NetworkWriter]


class Suspendable(Protocol):
    """A source of a session that can be suspended while a write within the session runs."""

    def begin(self) -> ReadView:
        """Open a view of the present state of the store."""

    def end(self) -> None:
        """Close the view."""


class Session:
    """
    An open session: what ``handle=`` takes.

    ``network`` is the stored network, in the layout that the store was found to have. On HDF5 a
    session does what an ``h5py.File`` does for methods of a user's own: ``handle["/mine/rows"]``.

    :param identity: identity of the store.
    :param view: what the session reads.
    :param writer: the same again, for a session that also writes.
    :param owner: the object whose sessions it is one of.
    """

    aborted_by: BaseException | None = None
    # Whether a group was handed out that can be changed past the network.
    bypassed = False
    # Changes at its begin, which stored what other ranks had logged.
    folded = 0
    # Whether a call within it is repeated, if the store changes meanwhile.
    is_repeated = False
    # Whether what it reads from is suspended.
    _suspended = False

    def __init__(
        self,
        identity: str,
        view: ReadView,
        *,
        writer: WriteView | None = None,
        source: Suspendable | None = None,
        owner: object = None,
    ) -> None:
        self.identity = identity
        self._view: ReadView | None = view
        self._writer = writer
        # What a session reads from, if it can be suspended.
        self.source = source
        self.owner = owner
        self.mutex = _RLock()

    @property
    def writable(self) -> bool:
        """Whether it also writes."""
        return self._writer is not None

    @property
    def closed(self) -> bool:
        return self._view is None and not self._suspended

    @property
    def root(self) -> GroupReader:
        """The root group of the store."""
        return self._open_view()[0].root

    @property
    def writable_root(self) -> GroupWriter:
        """
        The root group of the store, to change it past the network.

        :raises ReadOnlyError: the session only reads.
        """
        raw, network = self._open_writer()
        self.bypassed = True
        network.bypass()
        return raw.root

    @property
    def native(self) -> H5pyObject:
        """
        The root group as the library of the backend has it: of h5py for HDF5.

        :raises HandleError: the backend has none that could be handed out.
        """
        root = self.writable_root if self.writable else self.root
        if not isinstance(root, AnyReader):
            raise HandleError(
                f"'{self.identity}' is not stored in an HDF5 file, so its handle has no h5py"
                " objects; use the storage's own methods, or the engine 'hdf5'"
            )
        return root.native()

    def __getitem__(self, path: str) -> H5pyObject:
        """The object of h5py at a path; errors as for :attr:`native`, and KeyError."""
        return self.native[path]

    def __contains__(self, path: object) -> bool:
        return path in self.native

    def __iter__(self) -> Iterator[str]:
        return iter(self.native)

    def __delitem__(self, path: str) -> None:
        self._open_writer()
        del self.native[path]

    def __setitem__(self, path: str, value: object) -> None:
        self._open_writer()
        self.native[path] = value

    def keys(self) -> H5pyObject:
        """Names of what is in the root group."""
        return self.native.keys()

    def values(self) -> H5pyObject:
        """The members of the root group, as objects of h5py."""
        return self.native.values()

    def items(self) -> H5pyObject:
        """The members of the root group by name, as objects of h5py."""
        return self.native.items()

    def get(self, path: str, default: object = None, **options: object) -> H5pyObject:
        """The object of h5py at a path, or a default if there is none."""
        return self.native.get(path, default, **options)

    @property
    def attrs(self) -> H5pyObject:
        """Attributes of the root group."""
        return self.native.attrs

    def create_dataset(self, path: str, *args: object, **options: object) -> H5pyObject:
        """Make a dataset; parameters as for ``h5py.Group.create_dataset``."""
        self._open_writer()
        return self.native.create_dataset(path, *args, **options)

    def create_group(self, path: str, **options: object) -> H5pyObject:
        """Make a group."""
        self._open_writer()
        return self.native.create_group(path, **options)

    def require_dataset(self, path: str, *args: object, **options: object) -> H5pyObject:
        """A dataset, made if it is absent."""
        self._open_writer()
        return self.native.require_dataset(path, *args, **options)

    def require_group(self, path: str) -> H5pyObject:
        """A group, made if it is absent."""
        self._open_writer()
        return self.native.require_group(path)

    @property
    def network(self) -> NetworkReader:
        """The stored network."""
        view = self._view
        return (self._resumed() if view is None else view)[1]

    @property
    def network_writer(self) -> NetworkWriter:
        """
        The stored network, to change it.

        :raises ReadOnlyError: the session only reads.
        """
        return self._open_writer()[1]

    @property
    def changes(self) -> int:
        """How many changes the session made so far; 0 if it only reads."""
        writer = self._writer
        if writer is None:
            if self.closed:
                self._open_view()
            return 0
        return writer[0].changes + writer[1].changes

    @property
    def is_current(self) -> bool:
        """Whether everything that a read session has read belongs to one state of the store."""
        return is_current(self._open_view()[0])

    def check(self, *, write: bool) -> None:
        """
        Check that the session can be used.

        :raises SessionClosedError: it has ended.
        :raises ReadOnlyError: ``write``, and it only reads.
        :raises SessionAbortedError: ``write``, and an error interrupted a change within it.
        """
        if not write:
            self._open_view()
            return
        self._open_writer()
        if self.aborted_by is not None:
            self.check_whole()

    def note_failure(self, error: BaseException, before: int) -> None:
        """
        Note that an error ended a part of the session, which can't be committed if that changed it.

        :param before: the changes of the session when the part began.
        """
        if not self.closed and self.aborted_by is None and self.changes != before:
            self.aborted_by = error

    def check_whole(self) -> None:
        """
        Check that no error interrupted a change within the session.

        :raises SessionAbortedError: one did.
        """
        if self.aborted_by is not None:
            raise SessionAbortedError(
                "an error interrupted a change within this write scope, so none of the scope is"
                f" stored: {type(self.aborted_by).__name__}: {self.aborted_by}"
            )

    def suspend(self) -> None:
        """
        Let others write; the next use of a session that reads looks at the store again.

        Not before: what is written meanwhile is stored, whether or not the lock can be had again.
        """
        if self.source is not None:
            self._drop_view()
            self._suspended = True
            self.source.end()

    def resume(self) -> None:
        """Look at the store again, if the session is suspended."""
        self._open_view()

    @contextmanager
    def following(self, writer: Session) -> Iterator[None]:
        """While a session that reads is suspended, its handle reads what another one writes."""
        if not self._suspended:
            yield
            return
        self._view = writer._open_view()
        try:
            yield
        finally:
            self._view = None

    def end(self) -> None:
        """End the session: nothing can be read or written from now on."""
        # What it reads from refers to it: both go now, not when Python looks for garbage.
        self._drop_view()
        self._writer = self.source = None
        self._suspended = False

    def _drop_view(self) -> None:
        view, self._view = self._view, None
        # While it is suspended, the view is that of the session it follows, which goes on.
        if view is not None and not self._suspended:
            view[1].release()

    def _open_view(self) -> ReadView:
        view = self._view
        return self._resumed() if view is None else view

    def _resumed(self) -> ReadView:
        with self.mutex:
            if self._suspended and self.source is not None:
                self._view, self._suspended = self.source.begin(), False
            if self._view is None:
                raise SessionClosedError("the session that this handle belongs to has ended")
            return self._view

    def _open_writer(self) -> WriteView:
        if self._view is None:
            self._resumed()
        writer = self._writer
        if writer is None:
            raise ReadOnlyError(
                "the handle only reads, and this operation writes;"
                " pass the session of a write_scope()"
            )
        return writer


def is_current(raw: ReadSession | WriteSession) -> bool:
    """Whether everything that a session of a store has read belongs to one state of it."""
    # perf: load a chunk; a protocol check takes longer than many sessions.
    check = getattr(raw, "is_current", None)
    return check is None or bool(check())


ACTIVE: ContextVar[tuple[Session, ...]] = ContextVar("bsb_hdf5_sessions", default=())
"""The sessions that what runs in a context joins, the innermost last. Some may be over."""


def _leave_to_parent() -> None:
    """The sessions of a process are not those of its forked child, which may leave its scopes."""
    for session in ACTIVE.get():
        # A thread that does not exist in the child may be within a call.
        if session.mutex.acquire(blocking=False):
            session.mutex.release()
        else:
            session.mutex = _RLock()
    ACTIVE.set(())


after_fork_in_child(_leave_to_parent)


def active_session(identity: str) -> Session | None:
    """The innermost session of a store that is open in this context."""
    for session in reversed(ACTIVE.get()):
        if session.identity == identity and not session.closed:
            return session
    return None


def activate(session: Session) -> None:
    """Make a session the innermost of this context, which later calls join."""
    current = ACTIVE.get()
    if current:
        ACTIVE.set((*(each for each in current if not each.closed), session))
    else:
        ACTIVE.set((session,))


def deactivate(session: Session) -> None:
    """Remove a session from those that calls in this context join."""
    current = ACTIVE.get()
    if current and current[-1] is session:
        ACTIVE.set(current[:-1])
        return
    # Others came and have not gone yet, or this is another context.
    for place in reversed(range(len(current))):
        if current[place] is session:
            ACTIVE.set(current[:place] + current[place + 1 :])
            return


class Joined:
    """A part of a session that is open."""

    __slots__ = ("_session", "_write")

    def __init__(self, session: Session, *, write: bool) -> None:
        self._session = session
        self._write = write

    def __enter__(self) -> Session:
        self._session.check(write=self._write)
        return self._session

    def __exit__(self, *_: object) -> None:
        pass


class Scope:
    """
    A block of code in a session.

    :param opened: opens or joins the session.
    """

    __slots__ = ("_before", "_opened", "_session")

    def __init__(self, opened: AbstractContextManager[Session]) -> None:
        self._opened = opened

    def __enter__(self) -> Session:
        self._session = session = self._opened.__enter__()
        self._before = session.changes
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if error is not None:
            self._session.note_failure(error, self._before)
        return self._opened.__exit__(kind, error, trace)
