"""
Global heaps of HDF5, where it keeps texts.

HDF5 goes through the objects of a heap when it reads one, each of which says how long it is. It
never ends with a free one that has no length, so such a heap must not reach it.
"""

from __future__ import annotations

import struct

SIGNATURE = b"GCOL"
# Signature, version, reserved, size of the whole heap.
_HEADER = struct.Struct("<4sB3xQ")
# Index (0 is free space), references, reserved, size of what follows; free space includes this.
_OBJECT = struct.Struct("<HH4xQ")
_ALIGNMENT = 8


def is_endless(heap: memoryview) -> bool:
    """Whether HDF5 would read these first bytes of a heap, or all, for ever."""
    if len(heap) < _HEADER.size:
        return False
    place, stop = _HEADER.size, min(len(heap), _HEADER.unpack_from(heap)[2])
    while place + _OBJECT.size <= stop:
        index, _, size = _OBJECT.unpack_from(heap, place)
        if not index and not size:
            return True
        place += size if not index else _OBJECT.size + -(-size // _ALIGNMENT) * _ALIGNMENT
    return False
