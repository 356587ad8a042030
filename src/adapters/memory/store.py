"""A network in memory, shared by all stores of a process that name the same root."""

from __future__ import annotations

import copy
import itertools
from typing import Any, ClassVar, NoReturn

import attrs

from ...errors import SessionClosedError, StoreExistsError, StoreNotFoundError
from ...platform import after_fork_in_child
from ...ports.store import Capabilities, Capability
from .arrays import (
    ArrayNode,
    DocumentNode,
    GroupNode,
    MemoryGroup,
    MemoryGroupWriter,
    Step,
    UndoLog,
)

_VERSIONS = itertools.count()


@attrs.define(eq=False)
class NamedNetwork:
    """A root group; no two states of a network in this process have the same version."""

    members: GroupNode
    version: int = attrs.field(factory=_VERSIONS.__next__)


_NETWORKS: dict[str, NamedNetwork] = {}


class MemoryReadSession:
    """A view of the network."""

    def __init__(self, network: NamedNetwork) -> None:
        self._network = network

    @property
    def root(self) -> MemoryGroup:
        return MemoryGroup(self._network.members)

    @property
    def version(self) -> int:
        return self._network.version

    def close(self) -> None:
        """There is nothing to close."""


class InheritedSteps(list[Step]):
    """The undo log of a session that was open when its process was forked: it refuses steps."""

    def append(self, step: Step, /) -> NoReturn:
        raise SessionClosedError(
            "the session belongs to the process that began it; open the network again in the"
            " forked process, which has a copy of its last committed state"
        )

    def __iadd__(self, steps: Any, /) -> NoReturn:  # type: ignore[misc]
        self.append(steps)


class MemoryWriteSession:
    """Changes that can be undone."""

    def __init__(self, network: NamedNetwork) -> None:
        self._network = network
        self._undo_log = UndoLog()
        self._is_inherited = False
        _OPEN.add(self)

    @property
    def root(self) -> MemoryGroupWriter:
        return MemoryGroupWriter(self._network.members, self._undo_log)

    @property
    def version(self) -> int:
        return self._network.version

    @property
    def changes(self) -> int:
        return len(self._undo_log.steps)

    def commit(self) -> None:
        if self._is_inherited:
            self._undo_log.steps.append((lambda: None,))
        if self.changes:
            self._network.version = next(_VERSIONS)
        self._undo_log.steps.clear()
        _OPEN.discard(self)

    def rollback(self) -> None:
        self._undo_log.revert()
        _OPEN.discard(self)

    def abandon(self) -> None:
        """Undo the changes in a forked child, where they will never be committed."""
        self._undo_log.revert()
        self._undo_log.steps = InheritedSteps()
        self._is_inherited = True
        self._network.version = next(_VERSIONS)


# The sessions that have neither been committed nor rolled back.
_OPEN: set[MemoryWriteSession] = set()


def _abandon_in_child() -> None:
    for session in list(_OPEN):
        session.abandon()


after_fork_in_child(_abandon_in_child)


class MemoryCreationSession(MemoryWriteSession):
    """A new network, which gets its name at the commit."""

    def __init__(self, name: str) -> None:
        super().__init__(NamedNetwork(GroupNode()))
        self._name = name

    def commit(self) -> None:
        super().commit()
        if _NETWORKS.setdefault(self._name, self._network) is not self._network:
            raise StoreExistsError(f"'{self._name}' exists", location=self._name)


class MemoryRewriteSession(MemoryWriteSession):
    """New members of a network, which adopts them at the commit."""

    def __init__(self, network: NamedNetwork) -> None:
        super().__init__(NamedNetwork(GroupNode()))
        self._held = network

    @property
    def before(self) -> MemoryGroup:
        return MemoryGroup(self._held.members)

    def commit(self) -> None:
        super().commit()
        self._held.members = self._network.members
        self._held.version = self._network.version = next(_VERSIONS)


class MemoryStore:
    """The place of one network: a name, known within the process."""

    def __init__(self, name: str) -> None:
        self.location = str(name)
        self.identity = f"memory:{self.location}"

    capabilities: ClassVar[Capabilities] = Capabilities(
        locking=True,
        writable=True,
        repackable=True,
        threads=True,
        notes={
            Capability.PARALLEL: "A network in memory belongs to one process, so only a program"
            " of a single MPI rank can use it.",
            Capability.PERSISTENT: "A network in memory is gone when its process ends.",
            Capability.DURABLE: "A network in memory does not survive a power cut.",
        },
    )

    def exists(self) -> bool:
        return self.location in _NETWORKS

    def recognizes(self) -> bool:
        return self.exists()

    def create(self) -> MemoryCreationSession:
        if self.exists():
            raise StoreExistsError(f"'{self.location}' exists", location=self.location)
        return MemoryCreationSession(self.location)

    def open_read(self, *, locking: bool = True) -> MemoryReadSession:
        return MemoryReadSession(self._network())

    def open_write(self) -> MemoryWriteSession:
        return MemoryWriteSession(self._network())

    def rewrite(self, *, compress: bool = False) -> MemoryRewriteSession:
        return MemoryRewriteSession(self._network())

    def size(self) -> int:
        return _bytes_of(self._network().members)

    def copy(self, target: str) -> None:
        self._put(str(target), NamedNetwork(copy.deepcopy(self._network().members)))

    def move(self, target: str) -> None:
        network = self._network()
        if str(target) in _NETWORKS:
            raise StoreExistsError(f"'{target}' exists", location=str(target))
        self._put(str(target), network)
        del _NETWORKS[self.location]

    def remove(self) -> None:
        self._network()
        del _NETWORKS[self.location]

    def _network(self) -> NamedNetwork:
        try:
            return _NETWORKS[self.location]
        except KeyError:
            raise StoreNotFoundError(
                f"there is no network '{self.location}' in memory", location=self.location
            ) from None

    def _put(self, name: str, network: NamedNetwork) -> None:
        if _NETWORKS.setdefault(name, network) is not network:
            raise StoreExistsError(f"'{name}' exists", location=name)


def _bytes_of(node: GroupNode | ArrayNode | DocumentNode) -> int:
    """The size of rows and documents, without names and attributes."""
    if isinstance(node, GroupNode):
        return sum(map(_bytes_of, node.nodes.values()))
    return node.buffer.nbytes if isinstance(node, ArrayNode) else len(node.data)
