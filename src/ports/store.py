"""
A store holds one network: a root group, changed in transactions.

One object of a store is used by many threads; each of its sessions by one at a time.
Sessions of one store do not nest and do not exclude each other here: the core decides who
may open one (``transactions``).
"""

from __future__ import annotations

import enum
import functools
import operator
from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs

from .arrays import GroupReader, GroupWriter
from .services import ServiceOptions
from .versions import Expired, Version


class Capability(enum.StrEnum):
    """A capability that a backend may claim (:class:`Capabilities`)."""

    LOCKING = "locking"
    """Programs that write to a network exclude each other; each waits for its turn."""
    PARALLEL = "parallel"
    """Several MPI ranks share a network."""
    PERSISTENT = "persistent"
    """A network outlives the process that made it."""
    WRITABLE = "writable"
    """A network that can be read can be changed."""
    DURABLE = "durable"
    """What was stored can be made to survive a power cut."""
    REPACKABLE = "repackable"
    """A network can be rewritten in its place (:class:`Rewritable`)."""
    SNAPSHOTS = "snapshots"
    """A session that reads and one that writes are open at once; the former sees no change."""
    THREADS = "threads"
    """A session may be used, and ended, in another thread than the one that opened it."""


_UNCLAIMED = {
    Capability.LOCKING: "Programs do not exclude each other, so only one at a time may write.",
    Capability.PARALLEL: "A network belongs to one process, so only a program of a single MPI rank"
    " can use it.",
    Capability.PERSISTENT: "A network is gone when its process ends.",
    Capability.WRITABLE: "Networks can be read, but not changed.",
    Capability.DURABLE: "What was stored survives the end of the process, but not always a power"
    " cut.",
    Capability.REPACKABLE: "A network can't be rewritten in its place; convert it into a new one.",
    Capability.SNAPSHOTS: "A network is not read while it is changed: readers and writers wait for"
    " each other.",
    Capability.THREADS: "A session can be used only in the thread that opened it.",
}


@attrs.frozen(kw_only=True)
class Capabilities:
    """
    What a backend claims to be able to do; False by default. The contract tests the claims.

    :param notes: sentences on what a backend can't do, in place of the default ones.
    """

    locking: bool = False
    parallel: bool = False
    persistent: bool = False
    writable: bool = False
    durable: bool = False
    repackable: bool = False
    snapshots: bool = False
    threads: bool = False
    notes: Mapping[Capability, str] = attrs.field(factory=dict)

    def __contains__(self, capability: Capability) -> bool:
        """Whether the backend claims it."""
        return bool(getattr(self, capability.value))

    @property
    def limits(self) -> dict[Capability, str]:
        """What the backend can't do, or not everywhere: a sentence for each such capability."""
        usual = {each: said for each, said in _UNCLAIMED.items() if each not in self}
        return {
            each: self.notes.get(each, usual.get(each, ""))
            for each in Capability
            if each in usual or each in self.notes
        }


class ReadSession(Protocol):
    """A consistent view of the store until it is closed."""

    @property
    def root(self) -> GroupReader:
        """
        The group that holds everything.

        :raises SessionClosedError: the session has ended.
        """

    @property
    def version(self) -> Hashable | None:
        """
        An identifier of the state that the session sees, unique among all states of the store.

        None if unknown.
        """

    def close(self) -> None:
        """End the session; its groups and arrays can't be used any more."""


@runtime_checkable
class KeepsOpen(Protocol):
    """A store that keeps something open between sessions, to be faster."""

    def let_go(self) -> None:
        """Close what is open and not used by a session; the next session opens it again."""


@runtime_checkable
class LimitsWaits(Protocol):
    """A store whose waits for others can be cut short when the process ends."""

    def hurry(self, limit: float) -> None:
        """Limit all later waits to this many seconds."""


@runtime_checkable
class ReadsWithoutLock(Protocol):
    """A session that reads while others may commit."""

    def is_current(self) -> bool:
        """Whether everything that it has read belongs to one state of the store."""


@runtime_checkable
class SharesPlace(Protocol):
    """A store at a place where other things may lie."""

    def foreign(self) -> tuple[str, ...]:
        """Paths, within the place, of what does not belong to the store."""


@runtime_checkable
class HasMode(Protocol):
    """A store in a place that only some users of the system may read or write."""

    def mode(self) -> int | None:
        """Permissions: bits of 0o666, as of a file; None if the system does not say."""

    def create(self, *, mode: int | None = None) -> WriteSession:
        """
        Begin a new store; see :meth:`Store.create`.

        :param mode: its permissions, from the first byte on; None leaves them to the
            system.
        """


def common_mode(*stores: Store) -> int | None:
    """
    Which users may read and write all networks, as the mode of a file.

    None if that is left to the system, as none of the networks has a mode.
    """
    modes = [store.mode() for store in stores if isinstance(store, HasMode)]
    known = [mode for mode in modes if mode is not None]
    return functools.reduce(operator.and_, known) if known else None


@runtime_checkable
class Optimistic(Protocol):
    """A store whose writers may not exclude each other, so that a commit can be refused."""

    @property
    def is_optimistic(self) -> bool:
        """Whether a commit raises CommitConflictError if another one came before it."""


@runtime_checkable
class Versioned(Protocol):
    """A store that keeps its earlier states."""

    @property
    def has_versions(self) -> bool:
        """Whether it keeps them at its place."""

    def versions(self) -> list[Version]:
        """The versions, newest first."""

    def tag(self, name: str, version: str | None) -> Version:
        """
        Tag a version.

        :param version: id or tag; None for the latest.
        :raises InputError: the version does not exist, or the tag does already.
        """

    def expire(self, before: datetime) -> Expired:
        """Remove old versions, except the latest and those that have a name."""


@runtime_checkable
class Publishing(Protocol):
    """A store that can be copied to a URL, to be read there."""

    def publish(self, url: str, options: ServiceOptions | None = None) -> None:
        """
        Copy the network to a URL, where it is read-only.

        :param options: options of the service of the URL.
        :raises StoreExistsError: something lies there.
        """


class WriteSession(Protocol):
    """Changes that appear together at the commit, or never."""

    @property
    def root(self) -> GroupWriter:
        """The group that holds everything, with the changes so far; raises as for readers."""

    @property
    def changes(self) -> int:
        """Number of changes so far."""

    @property
    def version(self) -> Hashable | None:
        """As for a read session; after the commit, that of the committed state."""

    def commit(self) -> None:
        """Make the changes durable and end the session; on an error they are undone."""

    def rollback(self) -> None:
        """Undo the changes and end the session."""


class Store(Protocol):
    """The place of one network."""

    @property
    def capabilities(self) -> Capabilities:
        """What the store claims to be able to do."""

    @property
    def location(self) -> str:
        """Its name for people: a path or a URL."""

    @property
    def identity(self) -> str:
        """Equal for two stores of this process that are the same place."""

    def exists(self) -> bool:
        """Whether anything is there."""

    def recognizes(self) -> bool:
        """Whether this backend stored what is there; never raises for unexpected content."""

    def create(self) -> WriteSession:
        """
        Begin a new store, which appears, complete, when the session is committed.

        :raises StoreExistsError: something is there.
        """

    def open_read(self, *, locking: bool = True) -> ReadSession:
        """
        Begin a read session.

        :param locking: exclude writers of other programs for as long as it lasts.
        :raises StoreNotFoundError: nothing is there.
        :raises NotANetworkError: what is there is not of this backend.
        :raises StoreAccessError: it may not be read.
        :raises LockTimeoutError: another program held the lock for too long.
        :raises ChangedMeanwhileError: another program changed it while it was opened
            without a lock; the caller opens it again.
        """

    def open_write(self) -> WriteSession:
        """Begin a write session; errors as for :meth:`open_read`."""

    def copy(self, target: str, /) -> None:
        """
        Copy the store, completely or not at all.

        :raises StoreExistsError: something is at the target.
        """

    def move(self, target: str, /) -> None:
        """Move the store; errors as for :meth:`copy`."""

    def remove(self) -> None:
        """
        Delete the store and all that belongs to it.

        :raises StoreNotFoundError: nothing is there.
        """


@runtime_checkable
class NamesErrors(Protocol):
    """
    A store that does not translate the exceptions of its library.

    All of its methods, and those of its sessions, groups and arrays, may raise them. The engine
    turns each into a StoreIOError.
    """

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The exceptions; errors of this package stay what they are."""


@runtime_checkable
class AdoptsHandles(Protocol):
    """A store of a backend whose own open files can be passed as ``handle``."""

    def adopt(self, handle: object, /) -> tuple[WriteSession, bool] | None:
        """
        A session over a native handle of the backend that the caller opened.

        Its commit leaves the handle open; saving the changes is up to the caller.

        :returns: the session, and whether the handle is writable; None if it is not a handle of
            this backend.
        :raises HandleError: the handle belongs to another store.
        """


class RewriteSession(WriteSession, Protocol):
    """A write session that begins with an empty root group; its commit replaces the old content."""

    @property
    def before(self) -> GroupReader:
        """What the store holds until the commit."""


@runtime_checkable
class Rewritable(Protocol):
    """A store that can be rewritten in its place."""

    def rewrite(self, *, compress: bool = False) -> RewriteSession:
        """
        Begin to rewrite the store, and exclude all others until the end.

        :param compress: store growable arrays of integers in fewer bytes, which makes writing and
            reading slower. Stores that always or never compress ignore it.

        Later sessions, also after a crash, find either all of the old or all of the new content.
        Errors as for :meth:`Store.open_write`.
        """

    def size(self) -> int | None:
        """The size of the store in bytes; None if unknown."""
