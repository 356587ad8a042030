"""Translation of the errors of h5py and the system."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Protocol

from ...errors import CorruptNetworkError, StorageError, StoreIOError
from ...transactions.interrupts import is_of_handler
from ..files.errors import system_error

# A part of every error message of HDF5 about a lack of memory.
_NO_MEMORY = "memory allocation failed"


class FailureSource(Protocol):
    """A file below HDF5 that records why it failed, as it can't raise through HDF5."""

    error: BaseException | None


class translated:  # noqa: N801  # a context manager that is used like a function
    """
    Translate errors of h5py and the system.

    :param location: location of the store, for messages.
    :param source: notes what went wrong below HDF5, which may even have gone on.
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
        if self._source is not None and self._source.error is not None:
            ours = as_ours(self._source.error, self._location)
            if ours is error:
                return
            raise ours from error
        if error is None or isinstance(error, StorageError) or is_of_handler(error):
            return
        if isinstance(error, OSError) and error.errno is not None:
            raise system_error(error, self._location) from error
        if isinstance(error, OSError | RuntimeError) and _NO_MEMORY in str(error):
            raise StoreIOError(
                f"'{self._location}' holds, or claims to hold, more than fits in memory: {error}",
                location=self._location,
                errno=errno.ENOMEM,
            ) from error
        if isinstance(error, OSError | RuntimeError | ValueError | LookupError | TypeError):
            raise CorruptNetworkError(
                f"'{self._location}': HDF5 can't read or write this: {error}",
                location=self._location,
            ) from error


def as_ours(error: BaseException, location: str) -> BaseException:
    """An error that was recorded below HDF5, as one that can be raised above it."""
    return system_error(error, location) if isinstance(error, OSError) else error
