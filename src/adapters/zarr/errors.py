"""What zarr and the system raise, as errors of ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import (
    CorruptNetworkError,
    ReadOnlyError,
    SessionAbortedError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)


@contextmanager
def translated(location: str) -> Iterator[None]:
    """
    Raise errors of ours from those of the system, and from what zarr can't decode.

    :param location: of the store, for messages.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise system_error(error, location) from error
    except (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError) as error:
        raise CorruptNetworkError(
            f"'{location}': zarr can't read or write this: {error}", location=location
        ) from error


def system_error(error: OSError, location: str) -> StoreError:
    """An error of the system as one of ours."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return absent(location)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreAccessError(
            f"'{location}' may not be opened or written: {error.strerror}", location=location
        )
    return StoreIOError(
        f"'{location}': {error.strerror or error}", location=location, errno=error.errno
    )


def absent(location: str) -> StoreNotFoundError:
    """Nothing is there."""
    return StoreNotFoundError(f"there is no zarr network '{location}'", location=location)


def taken(location: str) -> StoreExistsError:
    """Something is there already."""
    return StoreExistsError(f"'{location}' exists", location=location)


def overtaken(location: str) -> SessionAbortedError:
    """Somebody else committed meanwhile."""
    return SessionAbortedError(
        f"another program changed '{location}' during this write session, which is not stored",
        location=location,
    )


def unwritable(location: str) -> ReadOnlyError:
    """It is an archive."""
    return ReadOnlyError(
        f"'{location}' is a zip archive, which is only read; copy it to a directory to change it",
        location=location,
    )


def incomplete(location: str, key: str) -> StoreIOError:
    """An object that the manifest names is not there."""
    return StoreIOError(
        f"'{location}' lacks '{key}': it was damaged, or changed while it was read"
        " without a lock; open it again to see what is there now",
        location=location,
        key=key,
    )
