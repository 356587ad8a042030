"""What h5py and the system raise, as errors of ours."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Protocol

from ...errors import (
    CorruptNetworkError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreIOError,
    StoreNotFoundError,
)


class FailureSource(Protocol):
    """Something below h5py that remembers why it failed."""

    error: OSError | None


class translated:  # noqa: N801  # a context manager that is used like a function
    """
    Raise errors of ours from those of h5py and the system.

    :param location: of the store, for messages.
    :param source: tells the cause that HDF5 lost on the way.
    """

    __slots__ = ("_location", "_source")

    def __init__(self, location: str, source: FailureSource | None = None) -> None:
        self._location = location
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, StorageError):
            return
        cause = self._source.error if self._source is not None else None
        if cause is not None:
            raise system_error(cause, self._location) from cause
        if isinstance(error, OSError) and error.errno is not None:
            raise system_error(error, self._location) from error
        if isinstance(error, OSError | RuntimeError | ValueError | LookupError | TypeError):
            raise CorruptNetworkError(
                f"'{self._location}': HDF5 can't read or write this: {error}",
                location=self._location,
            ) from error


def system_error(error: OSError, location: str) -> StoreError:
    """An error of the system as one of ours."""
    if error.errno == errno.ENOENT:
        return StoreNotFoundError(f"there is no file '{location}'", location=location)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreAccessError(
            f"'{location}' may not be opened or written: {error.strerror}", location=location
        )
    return StoreIOError(
        f"'{location}': {error.strerror or error}", location=location, errno=error.errno
    )
