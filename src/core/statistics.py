"""How many cells were placed in each chunk, and how many connections come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from .chunk_id import Ids
from .json_types import Document, DocumentView

Counts = NDArray[np.int64]


@attrs.frozen(eq=False, slots=False)
class ChunkCounts:
    """
    Cells per chunk: ``ids`` ascending and unique, ``counts`` of the same length.

    Neither may be changed any more.
    """

    ids: Ids
    counts: Counts

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> ChunkCounts:
        """From chunk id to count."""
        order = sorted(counts)
        in_order = list(map(counts.__getitem__, order))
        return cls(np.array(order, dtype=np.int64), np.array(in_order, dtype=np.int64))

    @classmethod
    def united(cls, counts: Sequence[ChunkCounts]) -> ChunkCounts:
        """The sums, by chunk, of several."""
        if len(counts) == 1:
            return counts[0]
        ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.ids for each in counts)]))
        totals = np.zeros(len(ids), dtype=np.int64)
        for each in counts:
            totals += each.among(ids).counts
        return cls(ids, totals)

    @property
    def total(self) -> int:
        if len(self.counts) == 1:
            return int(self.counts[0])
        return int(self.ends[-1]) if len(self.counts) else 0

    @cached_property
    def offsets(self) -> Counts:
        """Rank, in the whole set, of the first cell of each chunk; not to be changed."""
        return _fixed(self.ends - self.counts)

    @cached_property
    def ends(self) -> Counts:
        """Rank, in the whole set, of the cell after the last of each chunk; not to be changed."""
        return _fixed(self.counts.cumsum())

    def are(self, counts: Counts) -> bool:
        """Whether each chunk has as many as these say."""
        if len(counts) == len(self.counts) == 1:
            # perf: append 50 cells; for the one chunk of most calls, the code below is slower.
            return bool(counts.item() == self.counts.item())
        return not np.count_nonzero(counts != self.counts)

    def among(self, chunks: Ids) -> ChunkCounts:
        """The counts of exactly these chunks, 0 for those without one."""
        if chunks is self.ids:
            return self
        if len(chunks) == 1:
            found = self._select_one(chunks).counts
            return ChunkCounts(chunks, found if len(found) else np.zeros(1, dtype=np.int64))
        if not len(self.ids):
            return ChunkCounts(chunks, np.zeros(len(chunks), dtype=np.int64))
        places = np.minimum(self.ids.searchsorted(chunks), len(self.ids) - 1)
        return ChunkCounts(chunks, np.where(self.ids[places] == chunks, self.counts[places], 0))

    def offsets_among(self, chunks: Ids) -> Counts:
        """The offsets of exactly these chunks, 0 for those that are not here."""
        if not len(self.ids):
            return np.zeros(len(chunks), dtype=np.int64)
        places = np.minimum(self.ids.searchsorted(chunks), len(self.ids) - 1)
        return np.where(self.ids[places] == chunks, self.offsets[places], 0)

    def select(self, chunks: Ids | None) -> ChunkCounts:
        """Restricted to some chunks, those that exist; None keeps all."""
        if chunks is None:
            return self
        if len(chunks) == 1:
            return self._select_one(chunks)
        wanted = np.unique(chunks)
        places = np.searchsorted(self.ids, wanted)
        places = places[places < len(self.ids)]
        kept = places[self.ids[places] == wanted[: len(places)]]
        return ChunkCounts(self.ids[kept], self.counts[kept])

    def _select_one(self, chunk: Ids) -> ChunkCounts:
        at = self.ids.searchsorted(chunk).item()
        known = at < len(self.ids) and self.ids.item(at) == chunk.item()
        same = slice(at, at + 1 if known else at)
        return ChunkCounts(self.ids[same], self.counts[same])


def _fixed(values: Counts) -> Counts:
    values.flags.writeable = False
    return values


@attrs.define
class ChunkTotals:
    """The content of one chunk, over all sets."""

    placed: int = 0
    incoming: int = 0
    outgoing: int = 0

    def as_document(self) -> Document:
        return {
            "placed": self.placed,
            "connections": {"inc": self.incoming, "out": self.outgoing},
        }


class NetworkTotals:
    """The totals of every chunk of a network, by chunk id."""

    def __init__(self, totals: Mapping[int, ChunkTotals] | None = None) -> None:
        self._totals = dict(totals or {})
        self.changed = False

    @classmethod
    def from_document(cls, document: DocumentView) -> NetworkTotals:
        totals = {}
        for chunk, entry in document.items():
            connections = entry.get("connections", {})
            totals[int(chunk)] = ChunkTotals(
                int(entry.get("placed", 0)),
                int(connections.get("inc", 0)),
                int(connections.get("out", 0)),
            )
        return cls(totals)

    def as_document(self) -> dict[str, Document]:
        """The totals of all chunks, including those that hold nothing any more."""
        return {str(chunk): total.as_document() for chunk, total in self._totals.items()}

    def of_held(self) -> dict[str, Document]:
        """The totals of chunks with cells or connections, by the id as text."""
        return {
            str(chunk): total.as_document()
            for chunk, total in self._totals.items()
            if total.placed or total.incoming or total.outgoing
        }

    def add(self, chunk: int, *, placed: int = 0, incoming: int = 0, outgoing: int = 0) -> None:
        """Count more, or less, in a chunk."""
        total = self._totals.setdefault(int(chunk), ChunkTotals())
        # A file whose totals were wrong before must not end up with negative ones.
        total.placed = max(0, total.placed + int(placed))
        total.incoming = max(0, total.incoming + int(incoming))
        total.outgoing = max(0, total.outgoing + int(outgoing))
        self.changed = True

    def forget_placement(self) -> None:
        """No cell is placed anywhere; chunks that hold connections stay."""
        self._totals = {
            chunk: ChunkTotals(0, total.incoming, total.outgoing)
            for chunk, total in self._totals.items()
            if total.incoming or total.outgoing
        }
        self.changed = True

    def forget_connectivity(self) -> None:
        """Nothing is connected; chunks that were known stay."""
        for total in self._totals.values():
            total.incoming = total.outgoing = 0
        self.changed = True
