"""Objects of a library that a process may open only once for a file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from ...platform import Forks
from ..files.names import file_number

T = TypeVar("T")


@attrs.define(eq=False)
class _Held(Generic[T]):
    opened: T
    number: tuple[int, int]
    users: int = 0


class OpenOnce(Generic[T]):
    """
    Objects of a library, one for each file: opened for the first user, closed after the last.

    A file or folder is known by its device and inode, whatever its name. A forked child has none of
    those of its parent, and does not close them.

    :param open_file: makes the object of a path, and does all that may be done only once for it. It
        runs for readers, too, so it begins no transaction that writes.
    :param close: closes an object.
    """

    def __init__(self, open_file: Callable[[str], T], close: Callable[[T], object]) -> None:
        self._open = open_file
        self._close = close
        self._mutex = threading.Lock()
        self._held: list[_Held[T]] = []
        self._forks = Forks.count

    def acquire(self, path: str) -> T:
        """
        The object of a file, which is opened if it is not; :meth:`release` it in the end.

        Errors of the library pass.
        """
        self._forget_parent()
        with self._mutex:
            number = file_number(path)
            held = next((each for each in self._held if each.number == number), None)
            if held is None:
                opened = self._open(path)
                # It may have made the file.
                held = _Held(opened, file_number(path) or (0, 0))
                self._held.append(held)
            held.users += 1
            return held.opened

    def release(self, opened: T) -> None:
        """End a use of an object; the last one closes it."""
        self._forget_parent()
        with self._mutex:
            for held in self._held:
                if held.opened is opened:
                    held.users -= 1
                    if not held.users:
                        self._held.remove(held)
                        self._close(opened)
                    return

    def _forget_parent(self) -> None:
        if self._forks != Forks.count:
            self._forks = Forks.count
            # A thread of the parent may have held it.
            self._mutex = threading.Lock()
            self._held = []
