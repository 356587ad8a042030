"""Translation of errors of the operating system."""

from __future__ import annotations

import errno
import os

from ...errors import StoreAccessError, StoreError, StoreIOError, StoreNotFoundError
from ...platform import DENIED


def system_error(error: OSError, location: str) -> StoreError:
    """
    Translate an error of the system.

    Some errors of this package are errors of the system, too: let a ``StorageError`` pass before.

    :param error: what the system raised; its number decides between a place that is missing, one
        that may not be used, and any other failure.
    :param location: location of the network, for the message.
    """
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StoreNotFoundError(_missing(location), location=location, errno=error.errno)
    if error.errno in DENIED:
        return StoreAccessError(
            f"{_forbidden(location)}: {error.strerror}",
            location=location,
            errno=error.errno,
        )
    return StoreIOError(
        f"'{location}': {error.strerror or error}", location=location, errno=error.errno
    )


def _forbidden(location: str) -> str:
    folder = os.path.dirname(os.path.realpath(location))
    absent = os.path.isdir(folder) and not os.path.lexists(location)
    if absent and not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder '{folder}' may not be written, so that '{location}' can't be made"
    return f"'{location}' may not be opened or written"


def _missing(location: str) -> str:
    folder = os.path.dirname(os.path.realpath(location))
    if not os.path.isdir(folder):
        if os.path.exists(folder):
            return f"'{folder}' is a file, not a folder for '{location}'"
        return f"the folder '{folder}' of '{location}' does not exist; create it first"
    return f"there is no file '{location}'"
