"""
States of networks in services: their objects, and which state is the last one.

A request costs as much as many bytes. Objects of a state do not change, so each is read once; and
to open and load a network takes a dozen sessions, of which each would ask which state is the last.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .locations import Tag
from .paths import MANIFEST
from .zarr_objects import ZarrObjects, check_not_forked

if TYPE_CHECKING:
    from zarr.abc.store import Store

# The most bytes of objects of a state that are kept.
_MOST_KEPT = 64 << 20
# Seconds after opening in which the state that was found counts as the latest.
_OPENING = 1.0
# Seconds between two reads of a burst, of which the later one asks for no other state: another
# program can't begin a commit and end it in so short a time. And the longest time that is so.
_PAUSE, _BURST = 0.01, 1.0

_MUTEX = threading.Lock()
_CHANGES: Counter[str] = Counter()


def note_change(root: str) -> None:
    """Note that this process may have changed the network at a root."""
    with _MUTEX:
        _CHANGES[root] += 1


class State(ZarrObjects):
    """
    The objects of one state, which are read once, and many at a time.

    :param tag: identifies the state.
    :param open_store: where they are; called when the first one is read.
    :param manifest: the manifest, if it was read already.
    """

    def __init__(
        self, root: str, tag: Tag, open_store: Callable[[], Store], manifest: bytes | None = None
    ) -> None:
        super().__init__(root)
        self.tag = tag
        self._open_store = open_store
        self._kept = {} if manifest is None else {MANIFEST: manifest}
        self._bytes = len(manifest or b"")
        # Many threads read.
        self._mutex = threading.Lock()
        # When this state was last confirmed as the latest, and when it was read.
        self._asked = self._used = self._opening_end = 0.0
        self._changes = -1

    def _open(self) -> Store:
        return self._open_store()

    @property
    def is_published(self) -> bool:
        """Whether it is no commit of a repository."""
        return isinstance(self.tag, dict)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no network, as the first commit of a repository."""
        return MANIFEST not in self._kept and self.get(MANIFEST) is None

    def get(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            found = super().get(key)
            if found is not None:
                self._keep(key, found)
        self._used = time.monotonic()
        return found

    def prefetch(self, keys: Sequence[str]) -> None:
        missing = [key for key in keys if key not in self._kept]
        if len(missing) < 2:  # noqa: PLR2004
            return
        for key, found in zip(missing, self.get_many(missing), strict=True):
            if found is not None:
                self._keep(key, found)

    def _keep(self, key: str, data: bytes) -> None:
        with self._mutex:
            if key in self._kept:
                return
            while self._kept and self._bytes + len(data) > _MOST_KEPT:
                # The one that was read first.
                self._bytes -= len(self._kept.pop(next(iter(self._kept))))
            self._kept[key] = data
            self._bytes += len(data)

    def is_last(self, max_age: float | None) -> bool:
        """
        Whether it counts as the last state: nothing was changed here, and it was asked just now.

        :param max_age: seconds; None for a burst of reads, and while the network is being opened.
        """
        now = time.monotonic()
        end = self._asked + max_age if max_age is not None else self._opening_end
        if max_age is None and now - self._used < _PAUSE:
            end = max(end, self._asked + _BURST)
        self._used = now
        return self._changes == _CHANGES[self.root] and now < end


def last_state(
    root: str, known: State | None, max_age: float | None, find: Callable[[], State | None]
) -> State | None:
    """
    The last state of a network.

    :param known: what was found to be the last one before.
    :param find: asks for it; None if there is none.
    """
    if known is not None and known.is_last(max_age):
        return known
    check_not_forked(root)
    changes = _CHANGES[root]
    found = find()
    if found is not None:
        found._asked = found._used = time.monotonic()
        found._changes = changes
        if known is None:
            found._opening_end = found._asked + _OPENING
    return found
