"""Connections as BSB sees them: block by block, between two chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from bsb import Chunk

from .chunk_arguments import as_chunks
from .core.connectivity import Perspective
from .core.rows import Locations


def blocks_of(
    parts: Iterable[Perspective],
    locals_: dict[int, Chunk] | None = None,
    globals_: dict[int, Chunk] | None = None,
) -> Iterator[tuple[Chunk, Chunk, tuple[Locations, Locations]]]:
    """
    Local chunk, global chunk, and local and global locations of each block.

    :param locals_: local chunks that were given, by id: they are returned as they are, with
        their size.
    :param globals_: likewise, of global chunks.
    """
    made: dict[int, Chunk] = {}
    near_chunks = made if locals_ is None else locals_
    far_chunks = made if globals_ is None else globals_
    for part in parts:
        near, far = part.local_locations, part.global_locations
        yield from zip(
            as_chunks(part.local_chunks, None, near_chunks),
            as_chunks(part.global_chunks, None, far_chunks),
            [(near[first:last], far[first:last]) for first, last in pairwise(part.starts.tolist())],
            strict=True,
        )
