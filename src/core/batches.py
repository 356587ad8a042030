"""
Which connections to read at once, so that a whole set never has to fit into memory.

Whoever reads in batches carries out one task after the other, each in a session of its own or
all in one, and does no arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np

from .chunk_id import Ids
from .connectivity import Perspective, batches
from .layouts.protocols import ConnectivityReader
from .statistics import ChunkCounts


@attrs.frozen(eq=False)
class ReadTask:
    """
    Connections to read at once.

    :param locals_: ids of the local chunks, ascending.
    :param globals_: ids of the global chunks, of a single local one; None for all.
    """

    direction: str
    locals_: Ids
    globals_: Ids | None = None

    def read(self, source: ConnectivityReader) -> Iterator[Perspective]:
        """Read the connections, in pieces of whole blocks."""
        if self.globals_ is None:
            return source.read_locals(self.direction, self.locals_)
        near, far, lengths = source.read_blocks(self.direction, int(self.locals_[0]), self.globals_)
        locals_ = np.repeat(self.locals_, len(self.globals_))
        starts = np.append(0, np.cumsum(lengths))
        return iter([Perspective(self.direction, locals_, self.globals_, starts, near, far)])


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
    alone = (sizes.ids[i : i + 1] for i in range(len(sizes.ids)))
    held = dict(zip(sizes.ids.tolist(), sizes.counts.tolist(), strict=True))
    for locals_ in batches(sizes, most) if globals_ is None else alone:
        local = int(locals_[0])
        if len(locals_) > 1 or held[local] <= most:
            yield ReadTask(direction, locals_, globals_)
            continue
        blocks = block_sizes(local)
        for some in batches(blocks if globals_ is None else blocks.among(globals_), most):
            yield ReadTask(direction, locals_, some)
