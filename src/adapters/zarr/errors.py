"""Translation of the errors of zarr, obstore and the system."""

from __future__ import annotations

import errno
import importlib
import re
import sys
import threading
import zipfile

from ...errors import (
    CorruptNetworkError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from ...transactions.interrupts import is_of_handler
from ..files.errors import system_error

_UNREADABLE = (ValueError, TypeError, LookupError, RuntimeError, EOFError, zipfile.BadZipFile)


# Parts of icechunk's messages about missing repositories and missing buckets.
_NO_BUCKET = "NoSuchBucket"
_NO_REPOSITORY = ("repository doesn't exist", "ref not found")
# Lines of icechunk's messages that say where in its code an error was.
_CONTEXT = re.compile(r"context:$|\d+: \w+::|with \w+=|with a |with \w+$|at \S+\.rs:\d+$")
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden")


class MissingObjectError(Exception):
    """An object of an array is missing from the store; the argument is its key."""


class Translated:
    """
    A block in which errors of the system, of obstore and of zarr are translated.

    :param location: location of the store, for messages.
    """

    def __init__(self, location: str) -> None:
        self._location = location

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, StorageError):
            made = _translation(error, self._location)
            if made is not None:
                raise made from error


def _translation(error: Exception, location: str) -> StoreError | None:
    """The error of this package; None for one that stays as it is."""
    if isinstance(error, MissingObjectError):
        return StoreIOError(
            f"'{location}' lacks '{error}': it was damaged, or changed while it was read"
            " without a lock; open it again to see what is there now",
            location=location,
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return absent(location)
    if is_of_handler(error):
        return None
    if isinstance(error, _failures()):
        return _failure(error, location)
    return _of_zarr(error, location) if isinstance(error, _UNREADABLE) else None


def _of_zarr(error: Exception, location: str) -> StoreError:
    if isinstance(error, RuntimeError) and not threading.main_thread().is_alive():
        return StoreIOError(
            f"'{location}': zarr can't be used once the main thread of a program has ended"
            f" ({error}); let it join the threads that read or write",
            location=location,
        )
    # Python has no exception class for a thread that could not start, only a message.
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _no_thread(location, error)
    return CorruptNetworkError(
        f"'{location}': zarr can't read or write this: {error}", location=location
    )


def _no_thread(location: str, error: Exception) -> StoreIOError:
    from .event_loop import forget_if_dead

    forget_if_dead()
    return StoreIOError(
        f"'{location}': the system starts no more threads, or has no memory for one, which zarr"
        f" needs ({error}); end other programs, or raise the limit (ulimit -u)",
        location=location,
        errno=errno.EAGAIN,
    )


def _failures() -> tuple[type[Exception], ...]:
    loaded = (("obstore.exceptions", "BaseError"), ("icechunk", "IcechunkError"))
    found: list[type[Exception]] = [OSError]
    found += [getattr(sys.modules[name], error) for name, error in loaded if name in sys.modules]
    return tuple(found)


def _failure(error: Exception, location: str) -> StoreError:
    if isinstance(error, OSError) and error.errno is not None:
        return system_error(error, location)
    if any(words in str(error) for words in _NO_REPOSITORY):
        return absent(location)
    if _NO_BUCKET in str(error):
        return StoreNotFoundError(
            f"the bucket of '{location}' does not exist; create it first", location=location
        )
    denied = type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError")
    denied = denied or any(word in str(error) for word in _DENIED)
    if denied or isinstance(error, PermissionError):
        return StoreAccessError(
            f"'{location}' may not be opened or written: {_cause(error)}", location=location
        )
    return StoreIOError(f"'{location}': {_cause(error)}", location=location)


def _cause(error: Exception) -> str:
    """The line that names the cause: obstore has it first, icechunk last but for places."""
    lines = [line.strip(" |`->x\t") for line in str(error).splitlines()]
    texts = [line for line in lines if line and not _CONTEXT.match(line)]
    if not texts:
        return type(error).__name__
    return texts[-1] if type(error).__name__ == "IcechunkError" else texts[0]


def require(package: str, extra: str) -> None:
    """
    Check that an optional package is installed.

    :raises StoreError: it is not.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise StoreError(
            f"this needs the package {package}, which is not installed:"
            f" install it with: pip install 'bsb-hdf5[{extra}]'",
            found=package,
        ) from error


def absent(location: str) -> StoreNotFoundError:
    """The error of a place where nothing is."""
    return StoreNotFoundError(f"there is no zarr network '{location}'", location=location)


def taken(location: str) -> StoreExistsError:
    """The error of a place where something is already."""
    return StoreExistsError(f"'{location}' exists", location=location)
