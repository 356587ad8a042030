"""Checks of a network in the columnar layout: its tables, tallies and what they point to."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ...core.chunk_id import Ids
from ...core.column_specs import LABELS, MORPHOLOGY, POSITION, ROTATION, additional_column
from ...core.connectivity import batches
from ...core.layouts.columnar import blocks, segments
from ...core.layouts.columnar.connectivity import ColumnarConnectivity
from ...core.layouts.columnar.connectivity_table import BLOCKS, count_blocks
from ...core.layouts.columnar.members import name_of
from ...core.layouts.columnar.network import NAMED_BY, ColumnarNetwork
from ...core.layouts.columnar.placement import ColumnarPlacement
from ...core.layouts.columnar.placement_names import PlacementNames
from ...core.layouts.columnar.placement_table import count_segments
from ...core.layouts.columnar.tables import TALLY
from ...core.layouts.protocols import PlacementReader
from ...core.mirrored import perspectives
from ...errors import CorruptNetworkError
from ...ports.arrays import GroupReader
from ...ports.cache import CacheView
from ..findings import Findings
from .parts import check_chunk, check_codes, check_history, note_strangers, writable

_PLACEMENT, _CONNECTIVITY = "placement_sets", "connectivity_sets"
_MORPHOLOGIES = "morphology_tables"
_HEAD = 3
_MOST_GENERATIONS = np.iinfo(np.int64).max
_PORTION_OF_CELLS = 1 << 17


class ColumnarCheck:
    """
    Checks of one network.

    :param stored: names of the morphologies, if they are known.
    :param most: connections in memory at a time.
    """

    def __init__(
        self,
        root: GroupReader,
        cache: CacheView,
        found: Findings,
        stored: set[str] | None,
        most: int,
    ) -> None:
        self._root = root
        self._network = ColumnarNetwork(root, cache)  # type: ignore[arg-type]
        self._found = found
        self._stored = stored
        self._most = most

    def run(self) -> None:
        """Check all cells and connections, and the log of morphologies."""
        sets = self._root.group(_PLACEMENT)
        for member in sets.names():
            with self._found.reading("placement", f"'{member}'"):
                name = name_of(sets, member, NAMED_BY["placement"])
                self._cells(name, sets.group(member))
        sets = self._root.group(_CONNECTIVITY)
        for member in sets.names():
            with self._found.reading("connectivity", f"'{member}'"):
                tag = name_of(sets, member, NAMED_BY["connectivity"])
                self._connections(tag, sets.group(member))
        with self._found.reading("morphologies", "log"):
            self._log(self._root.group(_MORPHOLOGIES))

    def _cells(self, name: str, group: GroupReader) -> None:
        check_history(group, "placement", name, self._found)
        cells: ColumnarPlacement = self._network.placement(name)
        # Fails if an entry is of rows or columns that do not exist.
        counts = cells.counts()
        table = np.asarray(group.array(segments.SEGMENTS).read(), dtype=np.int64)
        for chunk in counts.ids[[0, -1]].tolist() if len(counts.ids) else ():
            check_chunk(chunk)
        _check_disjoint(table[:, segments.FIRST], table[:, segments.COUNT])
        # The names are only read.
        names = PlacementNames.read(group)  # type: ignore[arg-type]
        sums = count_segments(segments.Segments(table), names)
        self._check_tally(group, f"'{name}'", "placement", table, sums)
        for ids in batches(counts, _PORTION_OF_CELLS):
            self._check_columns(cells, ids)

    def _check_columns(self, cells: PlacementReader, ids: Ids) -> None:
        where = f"'{cells.name}', chunks {ids[0]} to {ids[-1]}"
        if len(ids) == 1:
            where = f"'{cells.name}', chunk {ids[0]}"
        for column in (POSITION, ROTATION, *map(additional_column, cells.additional_keys())):
            with self._found.reading("placement", f"{where}, {column.title}"):
                cells.read_column(column, ids)
        with self._found.reading("placement", f"{where}, {LABELS.name}"):
            self._check_labels(cells, ids)
        with self._found.reading("placement", f"{where}, {MORPHOLOGY.name}"):
            used = set(cells.read_morphologies(ids).names)
            note_strangers(self._found, where, used, self._stored)

    def _check_labels(self, cells: PlacementReader, ids: Ids) -> None:
        """Name the chunk, if there are several."""
        codes, lengths = cells.read_column(LABELS, ids)
        sets = cells.label_sets()
        try:
            check_codes(codes, sets)
        except CorruptNetworkError:
            ends = np.cumsum(lengths)
            for chunk, end, length in zip(ids.tolist(), ends, lengths, strict=True):
                where = f"'{cells.name}', chunk {chunk}, {LABELS.name}"
                with self._found.reading("placement", where):
                    check_codes(codes[end - length : end], sets)

    def _connections(self, tag: str, group: GroupReader) -> None:
        check_history(group, "connectivity", tag, self._found)
        connections: ColumnarConnectivity = self._network.connectivity(tag)
        # Fails if an entry is of rows that do not exist.
        connections.local_sizes("out")
        table = np.asarray(group.array(BLOCKS).read(), dtype=np.int64)
        for chunk in np.unique(table[:, : blocks.FIRST])[[0, -1]].tolist() if len(table) else ():
            check_chunk(chunk)
        detailed = table[table[:, blocks.POINTS] != blocks.NO_POINTS]
        _check_disjoint(table[:, blocks.FIRST], table[:, blocks.COUNT])
        _check_disjoint(detailed[:, blocks.POINTS], detailed[:, blocks.COUNT])
        self._check_tally(group, f"'{tag}'", "connectivity", table, count_blocks(table))
        for part in perspectives(connections, "out", self._most):
            near, far = part.local_locations, part.global_locations
            if min(near.min(initial=0), far.min(initial=0)) < -1:
                raise CorruptNetworkError("locations are below -1")
            if min(near[:, 0].min(initial=0), far[:, 0].min(initial=0)) < 0:
                raise CorruptNetworkError("the ranks of cells are below 0")

    def _log(self, group: GroupReader) -> None:
        log = np.asarray(group.array("log").read())
        text = log.tobytes()
        whole = text[: text.rfind(b"\n") + 1]
        tally = group.attributes.get(TALLY)
        if tally is None or not whole:
            return
        says = [len(whole), zlib.crc32(whole)]
        if _as_list(tally)[1:] != says:
            self._note_tally(group, "log", "morphologies", tally, says)

    def _check_tally(
        self,
        group: GroupReader,
        where: str,
        part: str,
        table: NDArray[np.int64],
        sums: tuple[int, ...],
    ) -> None:
        tally = group.attributes.get(TALLY)
        if tally is None:
            # Writers that keep none remove it.
            return
        says = [len(table), zlib.crc32(np.ascontiguousarray(table).tobytes()), *sums]
        if _as_list(tally)[1:] != says:
            self._note_tally(group, where, part, tally, says)

    def _note_tally(
        self, group: GroupReader, where: str, part: str, tally: object, says: list[int]
    ) -> None:
        def write() -> None:
            before = _as_list(tally)
            held = before[0] if before else 0
            generation = held + 1 if 0 <= held < _MOST_GENERATIONS else 0
            value = np.array([generation, *says], dtype=np.int64)
            writable(group).attributes.set(TALLY, value)

        what = f"is {_as_list(tally)[1:] or tally!r}; of what is there it is {says}"
        self._found.note(part, f"{where}, {TALLY}", what, ((part, where, TALLY), write))


def _as_list(tally: object) -> list[int]:
    if not isinstance(tally, np.ndarray) or tally.ndim != 1 or tally.dtype.kind != "i":
        return []
    return [int(each) for each in tally.tolist()]


def _check_disjoint(first: NDArray[np.int64], count: NDArray[np.int64]) -> None:
    """Check that no two entries are of the same row."""
    filled = count > 0
    first, count = first[filled], count[filled]
    order = np.argsort(first, kind="stable")
    ends = (first + count)[order]
    same = first[order][1:] < ends[:-1]
    if same.any():
        row = int(first[order][1:][same][0])
        raise CorruptNetworkError(f"two entries of the table name row {row}")
