"""The cells that a question is about, and their numbers under the filters of their set."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from ..connectivity_set import ConnectivitySet
from ..core import columns
from ..core.cell_ids import SelectedCells
from ..core.chunk_id import Ids
from ..core.column_specs import POSITION
from ..core.statistics import ChunkCounts
from ..errors import CorruptNetworkError
from ..placement_set import PlacementSet
from ..transactions.session import Session

Numbers = NDArray[np.int64]


@attrs.frozen(eq=False)
class Population:
    """
    Cells of one type, numbered as the placement set numbers them under its filters.

    :param name: name of the placement set.
    :param whole: the cells of each chunk, whatever the filters.
    :param size: how many cells the filters keep.
    :param numbers: (cells of the whole set,) number of each under the filters, -1 where they leave
        it out; None if they keep all.
    """

    name: str
    whole: ChunkCounts
    size: int
    numbers: Numbers | None

    @classmethod
    def of(cls, cells: PlacementSet, session: Session) -> Population:
        """The cells that the filters of a placement set keep."""
        data, selected = cells._selected(session)
        whole = data.counts()
        return cls(data.name, whole, len(selected), _numbers(selected, whole))

    @classmethod
    def of_type(
        cls, name: str, connections: Iterable[ConnectivitySet], session: Session
    ) -> Population:
        """
        All cells of a type that connectivity sets are from or to.

        bsb-hdf5 8.0.2 makes such sets of types without placement set, which have no cells.

        :raises CorruptNetworkError: there are connections on cells of a type without placement set.
        """
        network = session.network
        if network.holds("placement", name):
            data = network.placement(name)
            whole = data.counts()
            return cls(data.name, whole, whole.total, None)
        for each in connections:
            types = each.pre_type_name, each.post_type_name
            if name in types and network.connectivity(each.tag).count:
                raise CorruptNetworkError(
                    f"the connectivity set '{each.tag}' has connections on cells of type '{name}',"
                    " of which the network has no placement set",
                    tag=each.tag,
                )
        return cls(name, ChunkCounts.of({}), 0, None)

    def kept_chunks(self) -> Ids | None:
        """Chunks with cells that the filters keep; None where they keep all cells."""
        if self.numbers is None:
            return None
        chunk = np.repeat(np.arange(len(self.whole.ids)), self.whole.counts)
        return self.whole.ids[np.unique(chunk[self.numbers >= 0])]

    def chunk_of_each(self) -> Numbers:
        """(size,) index in ``whole`` of the chunk of each cell."""
        chunk = np.repeat(np.arange(len(self.whole.ids)), self.whole.counts)
        return chunk if self.numbers is None else chunk[self.numbers >= 0]

    def number(self, chunks: Ids, sizes: Numbers, ranks: Numbers) -> Numbers:
        """
        The numbers of cells; -1 for those that the filters leave out.

        :param chunks: (k,) ids, the chunk of each block.
        :param sizes: (k,) connections of each block.
        :param ranks: (n,) ranks of cells within the chunk of their block.
        :raises CorruptNetworkError: a connection refers to a cell that does not exist.
        """
        filled = sizes > 0
        if not filled.all():
            chunks, sizes = chunks[filled], sizes[filled]
        if not len(chunks):
            return np.zeros(0, dtype=np.int64)
        held = self.whole.among(chunks).counts
        places = np.minimum(self.whole.ids.searchsorted(chunks), max(len(self.whole.ids) - 1, 0))
        firsts = self.whole.offsets[places] if len(self.whole.ids) else np.zeros_like(chunks)
        # perf: in_degree; a single block needs no array of offsets.
        flat = ranks + (firsts[0] if len(chunks) == 1 else np.repeat(firsts, sizes))
        # Without signs, ranks below 0 are the highest of all.
        used = np.maximum.reduceat(ranks.view(np.uint64), np.cumsum(sizes) - sizes)
        wrong = used >= held.view(np.uint64)
        if wrong.any():
            bad = int(np.argmax(wrong))
            raise self._no_cell(int(chunks[bad]), int(used.view(np.int64)[bad]), int(held[bad]))
        return flat if self.numbers is None else self.numbers[flat]

    def look_up(self, table: Numbers, chunk: int, ranks: Numbers) -> Numbers:
        """
        The entries of some cells of a chunk in a table of all cells of the set.

        It is twice as fast as numbering the cells first.

        :param ranks: (n,) ranks of cells within the chunk.
        :raises CorruptNetworkError: a connection refers to a cell that does not exist.
        """
        first, held = self._cells_of(chunk)
        if (least := int(ranks.min(initial=0))) < 0:
            raise self._no_cell(chunk, least, held)
        try:
            return table[first : first + held].take(ranks)
        except IndexError:
            raise self._no_cell(chunk, int(ranks.max()), held) from None

    def tally(self, chunk: int, ranks: Numbers) -> tuple[int, Numbers]:
        """
        Count how often each cell of a chunk occurs.

        :param ranks: (n,) ranks of cells within the chunk.
        :returns: the number, in the whole set, of the first cell of the chunk; the counts of this
            cell and those after it.
        :raises CorruptNetworkError: a connection refers to a cell that does not exist.
        """
        first, held = self._cells_of(chunk)
        try:
            counts = np.bincount(ranks)
        except ValueError:
            raise self._no_cell(chunk, int(ranks.min()), held) from None
        if len(counts) > held:
            raise self._no_cell(chunk, len(counts) - 1, held)
        return first, counts

    def _cells_of(self, chunk: int) -> tuple[int, int]:
        """The number, in the whole set, of the first cell of a chunk; and how many it has."""
        ids = np.array([chunk])
        held = int(self.whole.among(ids).counts[0])
        first = self.whole.offsets[np.searchsorted(self.whole.ids, ids)[0]] if held else 0
        return int(first), held

    def _no_cell(self, chunk: int, rank: int, held: int) -> CorruptNetworkError:
        return CorruptNetworkError(
            f"a connection is on cell {rank} in chunk {chunk} of '{self.name}',"
            f" which has {held} cells there; connect the set again",
            found=rank,
            valid=held,
        )


def load_positions(cells: PlacementSet, session: Session) -> NDArray[np.float64]:
    """(n, 3) of the cells under the filters, NaN for those without."""
    data, selected = cells._selected(session)
    rows = columns.load_column(data, POSITION, selected)
    if len(rows) == len(selected):
        return np.asarray(rows, dtype=np.float64)
    return np.full((len(selected), 3), np.nan)


def _numbers(selected: SelectedCells, whole: ChunkCounts) -> Numbers | None:
    if selected.mask is None and len(selected.counts.ids) == len(whole.ids):
        return None
    ids = selected.global_ids(whole)
    numbers = np.full(whole.total, -1, dtype=np.int64)
    numbers[ids] = np.arange(len(ids))
    return numbers
