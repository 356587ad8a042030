"""Reading connections block by block, as BSB does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from bsb import Chunk

from .chunk_arguments import Chunks, as_chunks, chunks_by_id, ids_of
from .core.batches import ReadTask, plan_reads
from .core.chunk_id import Ids
from .core.connectivity import Perspective
from .core.layouts.protocols import ConnectivityReader
from .core.rows import Locations
from .core.statistics import ChunkCounts
from .handles import HANDLED, SessionEngine, handles_handles
from .transactions.session import Session

# Rows that an iteration reads at once. It gives them to the caller as 24 bytes a side; how many
# rows take that at a time, the layout decides.
_ROWS_AT_ONCE = 1_000_000


class ConnectionSource(Protocol):
    """The part of a connectivity set that its iterators use."""

    tag: str
    _engine: SessionEngine

    def _parts(
        self, direction: str, locals_: Ids | None, globals_: Ids | None, *, every_pair: bool = False
    ) -> Iterator[Perspective]:
        """The connections of some chunks, in pieces."""


class ConnectionReads:
    """The part of a connectivity set that reads its connections in pieces."""

    _engine: SessionEngine

    if TYPE_CHECKING:

        def _data(self, session: Session) -> ConnectivityReader: ...

    def _iter_direction(
        self, direction: str, local_: Chunks, global_: Chunks
    ) -> Iterator[tuple[str, Chunk, Chunk, tuple[Locations, Locations]]]:
        chosen, others = chunks_by_id(local_), chunks_by_id(global_)
        parts = self._parts(direction, ids_of(chosen), ids_of(others), every_pair=True)
        for local, far, block in blocks_of(parts, chosen, others):
            yield direction, local, far, block

    def _parts(
        self, direction: str, locals_: Ids | None, globals_: Ids | None, *, every_pair: bool = False
    ) -> Iterator[Perspective]:
        """
        The connections of some chunks, in pieces, with a session for each batch.

        :param every_pair: come with an empty block for each pair of the chunks that were named
            which nothing connects.
        """
        every_pair = every_pair and globals_ is not None
        sizes = self._local_sizes(direction)
        if locals_ is not None:
            sizes = sizes.among(locals_) if every_pair else sizes.select(locals_)
        blocks = partial(self._block_sizes, direction)
        for task in plan_reads(direction, sizes, blocks, _ROWS_AT_ONCE, globals_):
            parts = self._read(task)
            yield from task.with_all_pairs(parts) if every_pair else parts

    @handles_handles("r")
    def _local_sizes(self, direction: str, handle: Session = HANDLED) -> ChunkCounts:
        return self._data(handle).local_sizes(direction)

    @handles_handles("r")
    def _block_sizes(self, direction: str, local: int, handle: Session = HANDLED) -> ChunkCounts:
        return self._data(handle).block_sizes(direction, local)

    @handles_handles("r")
    def _read(self, task: ReadTask, handle: Session = HANDLED) -> Iterator[Perspective]:
        return task.read(self._data(handle))

    def _iter_blocks(
        self, direction: str, local: Chunk, global_: Chunks
    ) -> Iterator[tuple[Chunk, tuple[Locations, Locations]]]:
        for _, _, chunk, block in self._iter_direction(direction, local, global_):
            yield chunk, block


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
