"""What the system raises, as errors of ours."""

from __future__ import annotations

import errno

from ...errors import StoreAccessError, StoreError, StoreIOError, StoreNotFoundError


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
