"""A transaction as sessions use it: errors of this package, and checks of time and process."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ...errors import SessionClosedError, StorageError, StoreIOError
from ...platform import Forks
from .transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class Guarded:
    """
    A transaction that may be used until it ends, in the process that began it.

    :param raw: the transaction of a backend.
    :param location: location of the network, for messages.
    :param errors: the exceptions of the library, which become a ``StoreIOError``.
    """

    def __init__(
        self, raw: Transaction, location: str, errors: tuple[type[Exception], ...]
    ) -> None:
        self._raw = raw
        self.location = location
        self._errors: tuple[type[Exception], ...] = (*errors, OSError)
        self._forks = Forks.count
        self.changes = 0
        self.is_closed = False

    def check(self) -> None:
        """
        Check that the transaction can be used.

        :raises SessionClosedError: it has ended, or belongs to the process that forked this one.
        """
        if self.is_closed:
            raise SessionClosedError(f"the session on '{self.location}' has ended")
        if self._forks != Forks.count:
            raise SessionClosedError(
                f"the session on '{self.location}' belongs to the process that began it; open the"
                " network again in the forked process"
            )

    def get(self, key: bytes) -> bytes | None:
        return self._call(self._raw.get, key)

    def get_range(self, key: bytes, start: int, stop: int) -> bytes | None:
        return self._call(self._raw.get_range, key, start, stop)

    def put(self, key: bytes, value: bytes) -> None:
        self.changes += 1
        self._call(self._raw.put, key, value)

    def delete(self, key: bytes) -> None:
        self.changes += 1
        self._call(self._raw.delete, key)

    def keys(self, prefix: bytes) -> list[bytes]:
        return self._call(lambda: list(self._raw.keys(prefix)))

    def commit(self) -> None:
        self.check()
        try:
            self._call(self._raw.commit)
        finally:
            self.close()

    def _call(self, act: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """The result of a method of the transaction."""
        self.check()
        try:
            return act(*given, **named)
        except StorageError:
            raise
        except self._errors as error:
            raise translated(error, self.location) from error

    def close(self) -> None:
        """End the transaction; calling it again does nothing."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._forks != Forks.count:
            # Only the parent may close what it has open.
            return
        try:
            self._raw.close()
        except StorageError:
            raise
        except self._errors as error:
            raise translated(error, self.location) from error


def translated(error: Exception, location: str) -> Exception:
    """An exception of a library as one of this package; one of this package as it is."""
    if isinstance(error, StorageError):
        return error
    return StoreIOError(
        f"'{location}': {type(error).__name__}: {error}",
        location=location,
        errno=error.errno if isinstance(error, OSError) else None,
    )
