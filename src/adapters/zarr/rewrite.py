"""Rewriting a store whose readers keep seeing the state that they opened."""

from __future__ import annotations

from collections.abc import Hashable

from ...ports.arrays import GroupReader, GroupWriter
from ...ports.store import Store, WriteSession

_MARK = "rewritten"


class SnapshotRewrite:
    """
    A write session that has emptied the root group, beside a view of what was there.

    :param store: whose read sessions are snapshots. It removes what a commit left behind at the
        next commit, so there are two.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._after = store.open_write()
        try:
            self._before = store.open_read(locking=False)
            _empty(self._after)
        except BaseException:
            self._after.rollback()
            raise

    @property
    def before(self) -> GroupReader:
        return self._before.root

    @property
    def root(self) -> GroupWriter:
        return self._after.root

    @property
    def changes(self) -> int:
        return self._after.changes

    @property
    def version(self) -> Hashable | None:
        return self._after.version

    def commit(self) -> None:
        try:
            self._after.commit()
        finally:
            self._before.close()
        self._after = self._store.open_write()
        # A session that changed nothing would not commit.
        self._after.root.attributes.set(_MARK, "")
        self._after.root.attributes.delete(_MARK)
        self._after.commit()

    def rollback(self) -> None:
        try:
            self._after.rollback()
        finally:
            self._before.close()


def _empty(session: WriteSession) -> None:
    root = session.root
    for name in root.names():
        root.delete(name)
    for name in root.attributes.names():
        root.attributes.delete(name)
