"""
Planning of batched reads, so that a whole connectivity set never has to fit into memory.

A caller carries out the planned tasks one after the other, in one session or in one session each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np

from .chunk_id import Ids
from .connectivity import Perspective, batches
from .layouts.protocols import ConnectivityReader
from .statistics import ChunkCounts

# Pairs of chunks of a task that names both sides.
_MOST_PAIRS = 64 * 1024


@attrs.frozen(eq=False)
class ReadTask:
    """
    Connections to read at once.

    :param locals_: ids of the local chunks, ascending.
    :param globals_: likewise, of the global chunks; None for all.
    """

    direction: str
    locals_: Ids
    globals_: Ids | None = None

    def read(
        self, source: ConnectivityReader, *, cells_only: bool = False
    ) -> Iterator[Perspective]:
        """Read the connections, in pieces of whole blocks; perhaps without branches and points."""
        return source.read_locals(
            self.direction, self.locals_, self.globals_, cells_only=cells_only
        )

    def with_all_pairs(self, parts: Iterator[Perspective]) -> Iterator[Perspective]:
        """
        What was read, with an empty block for each pair of chunks that nothing connects.

        :param parts: of a task that names both sides.
        """
        assert self.globals_ is not None
        done, width = 0, len(self.globals_)
        for part in parts:
            rows = self.locals_.searchsorted(part.local_chunks)
            at = rows * width + self.globals_.searchsorted(part.global_chunks)
            stop = int(at[-1]) + 1 if len(at) else done
            yield self._spread(part, at - done, done, stop)
            done = stop
        total = len(self.locals_) * width
        if done < total:
            nothing = np.zeros(0, dtype=np.int64)
            none = np.zeros((0, 3), dtype=np.int64)
            last = Perspective(self.direction, nothing, nothing, np.zeros(1, int), none, none)
            yield self._spread(last, nothing, done, total)

    def _spread(self, part: Perspective, at: Ids, first: int, stop: int) -> Perspective:
        """
        A piece with more blocks: the pairs of chunks from one number to another.

        :param at: where its blocks belong among these.
        """
        assert self.globals_ is not None
        pairs = np.arange(first, stop)
        starts = np.zeros(len(pairs) + 1, dtype=np.int64)
        starts[at + 1] = np.diff(part.starts)
        near, far = np.divmod(pairs, max(1, len(self.globals_)))
        return attrs.evolve(
            part,
            local_chunks=self.locals_[near],
            global_chunks=self.globals_[far],
            starts=starts.cumsum(),
        )


def plan_reads(
    direction: str,
    sizes: ChunkCounts,
    block_sizes: Callable[[int], ChunkCounts],
    most: int,
    globals_: Ids | None = None,
) -> Iterator[ReadTask]:
    """
    The tasks that read the connections of some local chunks, by local, then by global chunk.

    :param sizes: connections of each local chunk in the direction.
    :param block_sizes: connections of a local chunk per global chunk; asked for only where a
        local chunk alone has more than ``most``.
    :param most: connections of a task, unless there are more in one block.
    :param globals_: ids of the global chunks to read, ascending; None for all.
    """
    held = dict(zip(sizes.ids.tolist(), sizes.counts.tolist(), strict=True))
    for locals_ in batches(sizes, most):
        local = int(locals_[0])
        if len(locals_) > 1 or held[local] <= most:
            step = len(locals_)
            if globals_ is not None and len(globals_):
                step = max(1, _MOST_PAIRS // len(globals_))
            for first in range(0, len(locals_), step):
                yield ReadTask(direction, locals_[first : first + step], globals_)
            continue
        blocks = block_sizes(local)
        for some in batches(blocks if globals_ is None else blocks.among(globals_), most):
            yield ReadTask(direction, locals_, some)
