"""Sessions of a network whose bytes lie by key."""

from __future__ import annotations

import json
import uuid
from typing import Protocol

import attrs

from ...errors import NotANetworkError
from . import encoding
from .guarded import Guarded
from .nodes import GROUP, KeyGroup, KeyGroupWriter, Tree

_FORMAT = "bsb-hdf5 by key"
_VERSION = 1
_MOST_IDS = 1 << 62


@attrs.frozen
class Header:
    """
    The header of a network.

    :param root: the id of its root group.
    :param next_id: the id of the next new node.
    :param state: unique to this state of the network.
    """

    root: int = 0
    next_id: int = 1
    state: str = attrs.field(factory=lambda: uuid.uuid4().hex)

    def dump(self) -> bytes:
        return json.dumps({"format": _FORMAT, "version": _VERSION, **attrs.asdict(self)}).encode()

    @classmethod
    def load(cls, data: bytes | None, location: str) -> Header:
        """
        The inverse of :meth:`dump`.

        :raises NotANetworkError: the bytes are no header, or one of a later version.
        """
        try:
            found = json.loads(data or b"")
            if (found["format"], found["version"]) != (_FORMAT, _VERSION):
                raise ValueError(f"it is of {found['format']!r}, version {found['version']!r}")
            made = cls(int(found["root"]), int(found["next_id"]), str(found["state"]))
            if not 0 <= made.root < made.next_id <= _MOST_IDS:
                raise ValueError(f"its root is {made.root}, and the next node {made.next_id}")
            return made
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise NotANetworkError(
                f"'{location}' holds no network of a known version: {error}", location=location
            ) from error


class KeyReadSession:
    """A view of the network."""

    def __init__(self, transaction: Guarded, header: Header) -> None:
        self._transaction = transaction
        self._header = header

    @property
    def root(self) -> KeyGroup:
        self._transaction.check()
        return KeyGroup(Tree(self._transaction, self._header.next_id), self._header.root)

    @property
    def version(self) -> str:
        return self._header.state

    def close(self) -> None:
        self._transaction.close()


class KeyWriteSession:
    """Changes that are stored by one transaction."""

    def __init__(self, transaction: Guarded, header: Header) -> None:
        self._transaction = transaction
        self._header = header
        self._tree = Tree(transaction, header.next_id)

    @property
    def root(self) -> KeyGroupWriter:
        self._transaction.check()
        return KeyGroupWriter(self._tree, self._header.root)

    @property
    def version(self) -> str:
        return self._header.state

    @property
    def changes(self) -> int:
        return self._transaction.changes

    def commit(self) -> None:
        self._transaction.check()
        if self.changes:
            self._commit(self._header.root)
        else:
            self._transaction.close()

    def _commit(self, root: int) -> None:
        header = Header(root, self._tree.next_id)
        try:
            self._transaction.put(encoding.HEADER, header.dump())
            self._transaction.commit()
        except BaseException:
            self.rollback()
            raise
        self._header = header

    def rollback(self) -> None:
        self._transaction.close()


class Destination(Protocol):
    """The place that a new network is published at."""

    def publish(self) -> None: ...

    def discard(self) -> None: ...


class KeyCreationSession(KeyWriteSession):
    """
    A new network.

    :param place: where it is published at the commit.
    """

    def __init__(self, transaction: Guarded, place: Destination) -> None:
        super().__init__(transaction, Header())
        self._place = place

    def commit(self) -> None:
        self._commit(self._header.root)
        self._place.publish()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._place.discard()


class KeyRewriteSession(KeyWriteSession):
    """A new tree beside that which is stored; the commit drops the latter."""

    def __init__(self, transaction: Guarded, header: Header) -> None:
        super().__init__(transaction, header)
        self._new_root = self._tree.new_id()

    @property
    def before(self) -> KeyGroup:
        """The content that is stored until the commit."""
        self._transaction.check()
        return KeyGroup(self._tree, self._header.root)

    @property
    def root(self) -> KeyGroupWriter:
        self._transaction.check()
        return KeyGroupWriter(self._tree, self._new_root)

    def commit(self) -> None:
        self._transaction.check()
        try:
            self._tree.delete_node(GROUP, self._header.root)
        except BaseException:
            self.rollback()
            raise
        self._commit(self._new_root)
