"""Stores of local paths: what all backends have in common."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from ...errors import StoreError, StoreExistsError
from ...platform import open_descriptor
from ...ports.store import Capabilities, ReadSession, WriteSession
from ...transactions.deadline import Deadline, OnSlow, ignore_slow
from ..files.errors import system_error
from ..files.locking import HeldDescriptor, lock_file
from ..files.names import checked_path


def _nobody() -> Sequence[str]:
    return ()


class ArrayStore(ABC):
    """
    The place of one network: a path.

    :param root: the path.
    :param lock_limit: seconds to wait for other programs.
    :param on_slow: called once if the wait is long.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()
    """What the backend claims to be able to do."""
    errors: ClassVar[tuple[type[Exception], ...]] = ()
    """The exceptions of its library; those that it raises become a ``StoreIOError``."""

    def __init__(
        self, root: str, *, lock_limit: float = 600.0, on_slow: OnSlow = ignore_slow
    ) -> None:
        self.location = os.path.abspath(checked_path(root))
        self.lock_limit = lock_limit
        self._on_slow = on_slow

    @property
    def identity(self) -> str:
        return f"{type(self).__name__}:{os.path.realpath(self.location)}"

    def exists(self) -> bool:
        return os.path.exists(self.location)

    def recognizes(self) -> bool:
        if not self.exists():
            return False
        failures: tuple[type[Exception], ...] = (StoreError, *self.errors)
        try:
            self.open_read(locking=False).close()
        except failures:
            return False
        return True

    @abstractmethod
    def create(self) -> WriteSession: ...

    @abstractmethod
    def open_read(self, *, locking: bool = True) -> ReadSession: ...

    @abstractmethod
    def open_write(self) -> WriteSession: ...

    @abstractmethod
    def copy(self, target: str, /) -> None: ...

    @abstractmethod
    def move(self, target: str, /) -> None: ...

    @abstractmethod
    def remove(self) -> None: ...

    def deadline(self, holders: Callable[[], Sequence[str]] = _nobody) -> Deadline:
        """
        The end of a wait for other programs, which begins now.

        :param holders: finds out what is waited for, for messages.
        """
        return Deadline(self.location, self.lock_limit, self._on_slow, holders)

    def lock(self, path: str, *, exclusive: bool) -> HeldDescriptor:
        """
        Lock a file of the network, for backends whose library locks nothing.

        :param path: path of the file, which is made if it is absent.
        :returns: the open file; closing it releases the lock.
        :raises LockTimeoutError: others held the lock for longer than ``lock_limit``.
        """
        try:
            descriptor = open_descriptor(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise system_error(error, self.location) from error
        held = HeldDescriptor(descriptor)
        limit, on_slow = self.lock_limit, self._on_slow
        try:
            lock_file(
                descriptor,
                self.location,
                exclusive=exclusive,
                limit=limit,
                on_slow=on_slow,
                switch=None,
            )
        except BaseException:
            held.close()
            raise
        return held

    def check_there(self) -> None:
        """
        Check that something is at the root.

        :raises StoreNotFoundError: nothing is.
        """
        if not self.exists():
            raise system_error(FileNotFoundError(errno.ENOENT, ""), self.location)


def free_path(target: str) -> str:
    """
    The absolute path of a new network.

    :raises StoreExistsError: the path exists.
    :raises StoreNotFoundError: its folder does not exist.
    """
    path = os.path.abspath(checked_path(target))
    if os.path.lexists(path):
        raise StoreExistsError(
            f"'{path}' exists; choose another name, or remove it first", location=path
        )
    if not os.path.isdir(os.path.dirname(path)):
        raise system_error(FileNotFoundError(errno.ENOENT, ""), path)
    return path
