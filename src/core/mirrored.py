"""
Connections that are stored twice, by either side: whether the two mirrored copies agree.

A program that was killed between the one and the other leaves copies that differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptNetworkError, StoreError, is_of_system
from .batches import plan_reads
from .chunk_id import Ids
from .connectivity import DIRECTIONS, Perspective
from .layouts.protocols import ConnectivityReader
from .rows import Lengths, Locations

_MOST_NAMED = 10
# Odd numbers that spread their multiples over 64 bits.
_SPREAD = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93],
    dtype=np.uint64,
)


def perspectives(source: ConnectivityReader, direction: str, most: int) -> Iterator[Perspective]:
    """
    All connections, in pieces of whole blocks.

    :param most: connections of a piece, unless there are more in one block.
    """
    tasks = plan_reads(
        direction, source.local_sizes(direction), partial(source.block_sizes, direction), most
    )
    for task in tasks:
        yield from task.read(source)


@attrs.frozen(eq=False)
class MirroredCopy:
    """
    What one direction holds, a row for each block.

    :param pairs: (k, 2) presynaptic and postsynaptic chunk, ascending.
    :param counts: (k,) connections.
    :param digests: (k,) of the rows.
    :param problem: why some rows are not connections between cells; None if all are.
    """

    pairs: Ids
    counts: Lengths
    digests: NDArray[np.uint64]
    problem: str | None

    @classmethod
    def read(
        cls, source: ConnectivityReader, direction: str, most: int, *, ordered: bool = True
    ) -> MirroredCopy:
        """
        Read all connections of a direction.

        :param ordered: whether the order of the rows of a block counts.
        :raises CorruptNetworkError: that can't be done; the error names the set.
        :raises StoreIOError: the system could not read it; likewise.
        """
        try:
            parts, problem = [], None
            for part in perspectives(source, direction, most):
                parts.append(_summarised(part, ordered))
                problem = problem or part.problem()
        except StoreError as error:
            failed = is_of_system(error)
            raise (type(error) if failed else CorruptNetworkError)(
                f"the '{direction}' copy of the connections of '{source.tag}' can't be read:"
                f" {error};"
                " pass trust='inc' or trust='out' to use the other copy, if it is complete",
                tag=source.tag,
                direction=direction,
                **({"errno": error.fields["errno"]} if failed else {}),
            ) from error
        nothing = np.zeros(0, dtype=np.int64)
        none = nothing.reshape(0, 2), nothing, nothing.astype(np.uint64)
        pairs, counts, digests = map(np.concatenate, zip(none, *parts, strict=True))
        # A block without connections counts as absent.
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        order = order[counts[order] > 0]
        return cls(pairs[order], counts[order], digests[order], problem)

    def equals(self, other: MirroredCopy) -> bool:
        """Whether the other copy holds the same connections in the same order."""
        return (
            np.array_equal(self.pairs, other.pairs)
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.digests, other.digests)
        )

    def by_pair(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Count and digest, by presynaptic and postsynaptic chunk."""
        values = zip(self.counts.tolist(), self.digests.tolist(), strict=True)
        pairs: list[tuple[int, int]] = [(pre, post) for pre, post in self.pairs.tolist()]
        return dict(zip(pairs, values, strict=True))


def check_mirrored(source: ConnectivityReader, most: int) -> None:
    """
    Check that connections which are stored twice are the same both times.

    :param most: connections in memory at a time, unless there are more in one block.
    :raises CorruptNetworkError: they are not; its fields are the ``tag``, the ``counts`` of
        incoming and outgoing connections, and ``where`` they differ: presynaptic and
        postsynaptic chunk, and the counts there.
    """
    if not source.mirrored:
        return
    incoming, outgoing = (MirroredCopy.read(source, direction, most) for direction in DIRECTIONS)
    if incoming.equals(outgoing):
        return
    first, second = incoming.by_pair(), outgoing.by_pair()
    where = [
        (*pair, first.get(pair, (0, 0))[0], second.get(pair, (0, 0))[0])
        for pair in sorted({*first, *second})
        if first.get(pair) != second.get(pair)
    ]
    counts = int(incoming.counts.sum()), int(outgoing.counts.sum())
    raise CorruptNetworkError(
        f"the two copies of the connections of '{source.tag}' differ: {counts[0]}"
        f" incoming and {counts[1]} outgoing connections; {_described(where)};"
        " pass trust='inc' or trust='out' to choose which copy to keep",
        tag=source.tag,
        counts=counts,
        where=where[:_MOST_NAMED],
    )


def _described(where: list[tuple[int, int, int, int]]) -> str:
    places = [
        f"from chunk {pre} to {post} {incoming} and {outgoing}"
        + (" that are not the same" if incoming == outgoing else "")
        for pre, post, incoming, outgoing in where[:_MOST_NAMED]
    ]
    more = len(where) - len(places)
    return ", ".join(places) + (f", and in {more} other places" if more else "")


def _summarised(part: Perspective, ordered: bool) -> tuple[Ids, Lengths, NDArray[np.uint64]]:
    """Pairs of chunks, counts and digests of the blocks of a piece."""
    far = part.direction == "inc"
    chunks, locations = (
        (ours, theirs)[:: -1 if far else 1]
        for ours, theirs in (
            (part.local_chunks, part.global_chunks),
            (part.local_locations, part.global_locations),
        )
    )
    counts = np.diff(part.starts)
    ranks = np.arange(len(locations[0])) - np.repeat(part.starts[:-1], counts)
    rows = _mixed(ranks if ordered else np.zeros_like(ranks), *locations)
    # Sums of what is between two ends, so that blocks without rows have a digest of 0.
    sums = np.append(np.uint64(0), np.cumsum(rows, dtype=np.uint64))
    digests = sums[part.starts[1:]] - sums[part.starts[:-1]]
    return np.stack(chunks, axis=1), counts, digests


def _mixed(ranks: Lengths, pre: Locations, post: Locations) -> NDArray[np.uint64]:
    """A number for each row that depends on all of it."""
    mixed = ranks.astype(np.uint64) * _SPREAD[0]
    for values in (*pre.T, *post.T):
        mixed = (mixed ^ values.astype(np.uint64)) * _SPREAD[1]
        mixed ^= mixed >> np.uint64(29)
    mixed = (mixed + _SPREAD[2]) * _SPREAD[3]
    return np.asarray(mixed ^ (mixed >> np.uint64(32)))
