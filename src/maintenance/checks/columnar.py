"""Checks of a network in the columnar layout: its tables, tallies and what they point to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ...core.chunk_id import Ids
from ...core.column_specs import LABELS, MORPHOLOGY, POSITION, ROTATION, additional_column
from ...core.connectivity import batches
from ...core.layouts.columnar import blocks, segments
from ...core.layouts.columnar.checksums import CHECKSUMS, RecentRecords
from ...core.layouts.columnar.connectivity import ColumnarConnectivity
from ...core.layouts.columnar.connectivity_table import BLOCKS, count_blocks
from ...core.layouts.columnar.groups import TALLY
from ...core.layouts.columnar.members import name_of
from ...core.layouts.columnar.network import NAMED_BY, ColumnarNetwork
from ...core.layouts.columnar.placement import ColumnarPlacement
from ...core.layouts.columnar.placement_names import PlacementNames
from ...core.layouts.columnar.placement_table import count_segments
from ...core.layouts.columnar.tally import StoredTally, tally_of
from ...core.layouts.nodes import DOCUMENT
from ...core.layouts.protocols import PlacementReader
from ...core.mirrored import perspectives
from ...errors import CorruptNetworkError
from ...ports.arrays import GroupReader
from ...ports.cache import CacheView
from ...queries.progress import count_done
from ..findings import Findings, plain
from .parts import check_chunk, check_codes, check_history, note_members, note_strangers, writable

_PLACEMENT, _CONNECTIVITY = "placement_sets", "connectivity_sets"
_MORPHOLOGIES, _FILES = "morphology_tables", "stored_files"
_MOST_GENERATIONS = np.iinfo(np.int64).max
_PORTION_OF_CELLS = 1 << 17
_ONE_COPY = (
    "The columnar layout has no second copy to repair them from: restore them from a backup, or"
    " clear these chunks"
)


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
        note_members(self._found, self._root, _FILES, DOCUMENT, part="files")
        if self._stored:
            self._check_morphologies()

    def _cells(self, name: str, group: GroupReader) -> None:
        check_history(group, "placement", name, self._found)
        cells: ColumnarPlacement = self._network.placement(name)
        # Raises if an entry refers to rows or columns that do not exist.
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
            count_done(counts.select(ids).total)
        with self._found.reading("placement", f"'{name}', {CHECKSUMS}"):
            self._note_damage("placement", cells.damage_of_rows(_PORTION_OF_CELLS))

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
            if self._stored is not None:
                note_strangers(self._found, where, used - self._stored)

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
        # Raises if an entry refers to rows that do not exist.
        connections.local_sizes("out")
        table = np.asarray(group.array(BLOCKS).read(), dtype=np.int64)
        for chunk in np.unique(table[:, : blocks.FIRST])[[0, -1]].tolist() if len(table) else ():
            check_chunk(chunk)
        detailed = table[table[:, blocks.POINTS] != blocks.NO_POINTS]
        _check_disjoint(table[:, blocks.FIRST], table[:, blocks.COUNT])
        _check_disjoint(detailed[:, blocks.POINTS], detailed[:, blocks.COUNT])
        self._check_tally(group, f"'{tag}'", "connectivity", table, count_blocks(table))
        for part in perspectives(connections, "out", self._most):
            problem = part.problem()
            if problem is not None:
                raise CorruptNetworkError(problem)
            count_done(len(part.local_locations))
        with self._found.reading("connectivity", f"'{tag}', {CHECKSUMS}"):
            self._note_damage("connectivity", connections.damage_of_rows(self._most))

    def _note_damage(self, part: str, places: Iterator[str]) -> None:
        for where in places:
            what = f"the rows do not match their stored checksum. {_ONE_COPY}"
            self._found.note(part, where, what)

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

    def _check_morphologies(self) -> None:
        morphologies = self._network.morphologies
        for name in morphologies.names():
            # One that can't be read is reported already.
            with suppress(CorruptNetworkError):
                for array in morphologies.damaged(name):
                    what = f"its rows of '{array}' do not match their stored checksum"
                    self._found.note("morphologies", f"'{name}'", what)

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
        found = StoredTally.of(tally, len(sums))
        if found is None or [found.entries, found.checksum, *found.sums] != says:
            recent = None if found is None else found.recent
            self._note_tally(group, where, part, tally, says, recent)

    def _note_tally(
        self,
        group: GroupReader,
        where: str,
        part: str,
        tally: object,
        says: list[int],
        recent: RecentRecords | None = None,
    ) -> None:
        def write() -> None:
            before = _as_list(tally)
            held = before[0] if before else 0
            generation = held + 1 if 0 <= held < _MOST_GENERATIONS else 0
            writable(group).attributes.set(TALLY, tally_of([generation, *says], recent))

        held = _as_list(tally)[1 : 1 + len(says)]
        what = f"is {held or plain(tally)}; the stored rows give {says}"
        self._found.note(part, f"{where}, {TALLY}", what, ((part, where, TALLY), write))


def _as_list(tally: object) -> list[int]:
    if not isinstance(tally, np.ndarray) or tally.ndim != 1 or tally.dtype.kind != "i":
        return []
    return [int(each) for each in tally.tolist()]


def _check_disjoint(first: NDArray[np.int64], count: NDArray[np.int64]) -> None:
    """Check that no two entries include the same row."""
    filled = count > 0
    first, count = first[filled], count[filled]
    order = np.argsort(first, kind="stable")
    ends = (first + count)[order]
    same = first[order][1:] < ends[:-1]
    if same.any():
        row = int(first[order][1:][same][0])
        raise CorruptNetworkError(f"two entries of the table include row {row}")
