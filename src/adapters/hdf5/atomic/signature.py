"""Where an HDF5 file begins, which may hold something else before: a user block."""

from __future__ import annotations

import os

from ....platform import read_at

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LEAST_USER_BLOCK = 512


def is_hdf5(descriptor: int) -> bool:
    """Whether a file has the signature of HDF5 at 0, 512, 1024, 2048, ..., where HDF5 looks."""
    end, place = os.fstat(descriptor).st_size, 0
    while place < end:
        if read_at(descriptor, len(_SIGNATURE), place) == _SIGNATURE:
            return True
        place = 2 * place or _LEAST_USER_BLOCK
    return False
