"""The interface of a library that stores bytes by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable


class Transaction(ABC):
    """
    A view of all keys, which is consistent until it is closed.

    One that writes sees its own changes. They are stored whole at the commit, or not at all. Keys
    have 1 to 250 bytes of any value. Values have any length: most are below 100 kB, but those of
    long attributes are as long as these. The contract tries one of 20 MB.
    """

    @abstractmethod
    def get(self, key: bytes, /) -> bytes | None:
        """The value of a key; None if it is absent."""

    @abstractmethod
    def put(self, key: bytes, value: bytes, /) -> None:
        """Store a value, in the place of one that may be there."""

    @abstractmethod
    def delete(self, key: bytes, /) -> None:
        """Remove a key; nothing happens if it is absent."""

    @abstractmethod
    def keys(self, prefix: bytes, /) -> Iterable[bytes]:
        """
        The keys that begin with some bytes, in any order; nothing is changed meanwhile.

        :param prefix: may be empty, for all keys.
        """

    @abstractmethod
    def commit(self) -> None:
        """
        Store what was changed; the transaction is closed next.

        Others that write wait until all of it is stored: the lock is released by :meth:`close`.
        """

    @abstractmethod
    def close(self) -> None:
        """End the transaction; what was not committed is undone."""

    def get_range(self, key: bytes, start: int, stop: int, /) -> bytes | None:
        """
        Some bytes of a value, as of a slice; None if the key is absent.

        A library that can read a part of a value overrides this method.
        """
        value = self.get(key)
        return None if value is None else value[start:stop]
