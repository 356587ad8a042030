"""
Checks of a network in the classic layout.

Each chunk has groups of its own, and documents say how much is in them. A count of cells may
be higher than the rows of any column, as cells that are a mere count have none; a lower one is
wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core.column_specs import (
    LABELS,
    MORPHOLOGY,
    POSITION,
    ROTATION,
    ColumnSpec,
    additional_column,
)
from ...core.connectivity import DIRECTIONS, Blocks
from ...core.labels import LabelSets
from ...core.layouts.classic.connectivity import ClassicConnectivity, LocalBlocks, StoredTotals
from ...core.layouts.classic.network import ClassicNetwork
from ...core.layouts.classic.paths import canonical, names_of
from ...core.layouts.classic.placement import COLUMNS, array_of
from ...core.layouts.documents import interpreting, read_json, write_json
from ...core.layouts.nodes import DOCUMENT, GROUP
from ...core.mirrored import MirroredCopy, perspectives
from ...core.statistics import NetworkTotals
from ...errors import CorruptNetworkError
from ...ports.arrays import ArrayReader, GroupReader
from ...ports.cache import CacheView
from ...transactions.versioned_cache import VersionedCache
from ..findings import Findings, plain
from .parts import (
    check_codes,
    check_history,
    chunk_of,
    note_members,
    note_strangers,
    note_totals,
    pieces,
    writable,
)

_PLACEMENT, _CONNECTIVITY, _FILES = "placement", "connectivity", "files"
_COUNTS, _LENGTH, _KEYS, _ADDITIONAL = "chunks", "len", "additional_keys", "additional"
_NAMES, _ORDER = "morphology_loaders", "chunk_list"
_ARRAYS = ("local_locs", "global_locs")


Check = Callable[[str, GroupReader], None]


class ClassicCheck:
    """
    Checks of one network.

    :param stored: names of the morphologies, if they are known.
    :param trust: the mirrored copy that the other one is to be made of, if any.
    :param most: connections in memory at a time.
    """

    def __init__(
        self,
        root: GroupReader,
        cache: CacheView,
        found: Findings,
        stored: set[str] | None,
        *,
        trust: str | None,
        most: int,
    ) -> None:
        self._root = root
        self._cache = cache
        self._network = ClassicNetwork(root, cache)  # type: ignore[arg-type]
        self._found = found
        self._stored = stored
        self._trust = trust
        self._most = most
        self._totals = NetworkTotals()
        # Whether all was counted.
        self._whole = True

    def run(self) -> None:
        """Check all cells, connections and counts."""
        parts: tuple[tuple[str, tuple[str, ...], Check], ...] = (
            (_PLACEMENT, self._network.placement_names(), self._cells),
            (_CONNECTIVITY, self._network.connectivity_tags(), self._connections),
        )
        for part, names, check in parts:
            note_members(self._found, self._root, part, GROUP)
            for name in names:
                with self._found.reading(part, f"'{name}'") as reading:
                    check(name, self._network.group_of(part, name))
                self._whole &= not reading.failed
        note_members(self._found, self._root, _FILES, GROUP, DOCUMENT)
        if self._whole:
            with self._found.reading("totals", _COUNTS, mend=self._total_mend):
                self._check_totals()

    def _cells(self, name: str, group: GroupReader) -> None:
        check = _Cells(name, group, self._found, self._stored)
        counts = check.run()
        for chunk, count in counts.items():
            self._totals.add(chunk, placed=count)

    def _connections(self, tag: str, group: GroupReader) -> None:
        check = _Connections(tag, group, self._found, self._trust, self._most)
        counts = check.count()
        self._whole &= not check.broken
        for chunk, (incoming, outgoing) in counts.items():
            self._totals.add(chunk, incoming=incoming, outgoing=outgoing)
        # What the document says of the chunks may be wrong, and decides how much is read at once.
        known = StoredTotals({chunk: list(counts) for chunk, counts in check.totals.items()})
        self._cache.put((_CONNECTIVITY, tag), known)
        check.compare(self._network.connectivity(tag))

    @property
    def _total_mend(self) -> tuple[str, Any]:
        def write() -> None:
            write_json(writable(self._root).attributes, _COUNTS, self._totals.as_document())

        return "totals", write

    def _check_totals(self) -> None:
        if self._root.attributes.get(_COUNTS) is None:
            return
        document = read_json(self._root.attributes, _COUNTS)
        with interpreting(_COUNTS):
            stored = NetworkTotals.from_document(document)
        note_totals(
            self._found, _triples(stored), _triples(self._totals), self._total_mend, "totals"
        )


def _triples(totals: NetworkTotals) -> dict[int, tuple[int, ...]]:
    return {
        int(chunk): (said["placed"], *said["connections"].values())
        for chunk, said in totals.as_document().items()
    }


@attrs.define(eq=False)
class _Cells:
    """A placement set."""

    name: str
    group: GroupReader
    found: Findings
    stored: set[str] | None
    longest: dict[int, int] = attrs.field(factory=dict)
    keys: set[str] = attrs.field(factory=set)
    sets: LabelSets | None = None

    def run(self) -> dict[int, int]:
        """Check it; how many cells each chunk has."""
        check_history(self.group, _PLACEMENT, self.name, self.found)
        with self.found.reading(_PLACEMENT, f"'{self.name}', labelsets"):
            document = read_json(self.group.attributes, "labelsets")
            with interpreting("labelsets"):
                self.sets = LabelSets.from_lists(document)
        for member in self.group.names():
            where = f"'{self.name}', chunk {member}"
            with self.found.reading(_PLACEMENT, where):
                chunk = chunk_of(member)
                self.longest[chunk] = self._chunk(self.group.group(member), where)
        self._check_keys()
        return self._check_counts()

    def _chunk(self, group: GroupReader, where: str) -> int:
        """Check the columns of a chunk; how many rows the longest has."""
        rows = [0]
        for column in (POSITION, ROTATION, MORPHOLOGY, LABELS):
            if column.name in group:
                rows.append(self._column(group, column, where))
        if _ADDITIONAL in group:
            for key in names_of(group.group(_ADDITIONAL), COLUMNS):
                self.keys.add(key)
                rows.append(self._column(group, additional_column(key), where))
        return max(rows)

    def _column(self, chunk: GroupReader, column: ColumnSpec, where: str) -> int:
        where = f"{where}, {column.title}"
        rows = 0
        with self.found.reading(_PLACEMENT, where):
            array = array_of(chunk, column)
            _check_numbers(array, column.width, "iub" if column.dtype.kind == "i" else "biuf")
            names = _texts(chunk, _NAMES) if column is MORPHOLOGY else []
            used: set[int] = set()
            for piece in pieces(array):
                if column is LABELS and self.sets is not None:
                    check_codes(piece, self.sets)
                elif column is MORPHOLOGY:
                    used.update(np.unique(piece).tolist())
            rows = array.shape[0]
            _check_used(used, names)
            note_strangers(self.found, where, {names[code] for code in used}, self.stored)
        return rows

    def _check_keys(self) -> None:
        with self.found.reading(_PLACEMENT, f"'{self.name}', {_KEYS}"):
            known = _texts(self.group, _KEYS)
            missing = sorted(self.keys - set(map(canonical, known)))

            def add() -> None:
                writable(self.group).attributes.set(_KEYS, sorted({*known, *missing}))

            for key in missing:
                what = f"does not name '{key}', of which there is data"
                mend = ((self.name, _KEYS), add)
                self.found.note(_PLACEMENT, f"'{self.name}', {_KEYS}", what, mend)

    def _check_counts(self) -> dict[int, int]:
        attributes = self.group.attributes
        if attributes.get(_COUNTS) is None:
            # Sets of early versions are not counted.
            return self.longest
        mend = ((_PLACEMENT, self.name), self._recount)
        said: dict[int, int] = {}
        with self.found.reading(_PLACEMENT, f"'{self.name}', {_COUNTS}", mend=mend):
            said = self._said()
        counts = self._corrected(said)
        for chunk in sorted(set(said) | set(counts)):
            stored, count = said.get(chunk, 0), counts.get(chunk, 0)
            if stored != count:
                what = f"{stored} cells are counted; there are rows of {count}"
                self.found.note(_PLACEMENT, f"'{self.name}', chunk {chunk}", what, mend)
        _check_length(attributes, sum(counts.values()), (_PLACEMENT, self.name), self.found, mend)
        return counts

    def _said(self) -> dict[int, int]:
        document = read_json(self.group.attributes, _COUNTS)
        with interpreting(_COUNTS):
            said = {int(chunk): int(count) for chunk, count in document.items()}
            for chunk in said:
                chunk_of(str(chunk))
            return said

    def _corrected(self, said: Mapping[int, int]) -> dict[int, int]:
        return {
            chunk: max(0, said.get(chunk, 0), self.longest.get(chunk, 0))
            for chunk in sorted({*said, *self.longest})
        }

    def _recount(self) -> None:
        try:
            said = self._said()
        except CorruptNetworkError:
            said = {}
        counts = self._corrected(said)
        document = {str(chunk): count for chunk, count in counts.items()}
        attributes = writable(self.group).attributes
        write_json(attributes, _COUNTS, document)
        attributes.set(_LENGTH, sum(counts.values()))


@attrs.define(eq=False)
class _Connections:
    """A connectivity set."""

    tag: str
    group: GroupReader
    found: Findings
    trust: str | None
    most: int
    totals: dict[int, list[int]] = attrs.field(factory=dict)
    broken: bool = False

    def count(self) -> dict[int, list[int]]:
        """Check the index of each chunk and the counts; connections per chunk."""
        check_history(self.group, _CONNECTIVITY, self.tag, self.found)
        for name in ("pre", "post"):
            if not isinstance(self.group.attributes.get(name), str):
                where = f"'{self.tag}', {name}"
                self.found.note(_CONNECTIVITY, where, "the type of the cells is missing")
        for side, direction in enumerate(DIRECTIONS):
            where, options = self._copy(direction), self._rebuilt(direction)
            with self.found.reading(_CONNECTIVITY, where, **options) as reading:
                self._direction(side, direction)
            self.broken |= reading.failed
        if not self.broken:
            self._check_counts()
        return self.totals

    def compare(self, connections: ClassicConnectivity) -> None:
        """Note the blocks whose mirrored copies differ."""
        if self.broken:
            return
        copies = []
        for direction in DIRECTIONS:
            with self.found.reading(
                _CONNECTIVITY, self._copy(direction), **self._rebuilt(direction)
            ):
                copy = MirroredCopy.read(connections, direction, self.most, ordered=False)
                copies.append(copy.by_pair())
        if len(copies) < len(DIRECTIONS):
            self.broken = True
            return
        first, second = copies
        for pair in sorted({*first, *second}):
            if first.get(pair) != second.get(pair):
                self._note_difference(pair, first.get(pair, (0, 0))[0], second.get(pair, (0, 0))[0])

    def _copy(self, direction: str) -> str:
        return f"'{self.tag}', {direction}"

    def _rebuilt(self, broken: str) -> dict[str, Any]:
        """How a copy comes right: from the other one, if that is trusted."""
        other = next(each for each in DIRECTIONS if each != broken)
        mend = (_CONNECTIVITY, self.tag, other), partial(self._rebuild, other)
        return {"mend": mend if self.trust == other else None, "repairable": True}

    def _note_difference(self, pair: tuple[int, int], incoming: int, outgoing: int) -> None:
        same = " that are not the same" if incoming == outgoing else ""
        mend = None
        if self.trust is not None:
            trusted = self.trust
            mend = (_CONNECTIVITY, self.tag, trusted), partial(self._rebuild, trusted)
        self.found.note(
            _CONNECTIVITY,
            f"'{self.tag}', from chunk {pair[0]} to {pair[1]}",
            f"{incoming} incoming and {outgoing} outgoing connections{same};"
            " pass trust='inc' or trust='out' to choose which copy to keep",
            mend,
            repairable=True,
        )

    def _direction(self, side: int, direction: str) -> None:
        if direction not in self.group:
            raise CorruptNetworkError(f"there is no group '{direction}'")
        locals_ = self.group.group(direction)
        for member in locals_.names():
            where, options = f"{self._copy(direction)}, chunk {member}", self._rebuilt(direction)
            with self.found.reading(_CONNECTIVITY, where, **options) as reading:
                chunk, group = chunk_of(member), locals_.group(member)
                blocks = _read_blocks(group)
                self.totals.setdefault(chunk, [0, 0])[side] = blocks.total
                self._check_strays(group, where, blocks.chunks)
            self.broken |= reading.failed

    def _check_strays(self, group: GroupReader, where: str, chunks: NDArray[np.int64]) -> None:
        """Note starts of blocks that do not exist."""
        known = {_ORDER, *map(str, chunks.tolist())}
        strays = [name for name in group.attributes.names() if name not in known]

        def drop() -> None:
            for name in strays:
                writable(group).attributes.delete(name)

        for name in strays:
            what = f"the attribute '{name}' belongs to no block"
            self.found.note(_CONNECTIVITY, where, what, ((where, "strays"), drop))

    def _check_counts(self) -> None:
        attributes = self.group.attributes
        if attributes.get(_COUNTS) is None:
            return
        mend = ((_CONNECTIVITY, self.tag), self._recount)
        where = f"'{self.tag}', {_COUNTS}"
        with self.found.reading(_CONNECTIVITY, where, mend=mend):
            document = read_json(attributes, _COUNTS)
            with interpreting(_COUNTS):
                said = {
                    int(chunk): (int(counts.get("inc", 0)), int(counts.get("out", 0)))
                    for chunk, counts in document.items()
                }
            actual = {chunk: tuple(counts) for chunk, counts in self.totals.items()}
            note_totals(self.found, said, actual, mend, f"{_CONNECTIVITY} '{self.tag}',")
        total = sum(incoming for incoming, _ in self.totals.values())
        _check_length(attributes, total, (_CONNECTIVITY, self.tag), self.found, mend)

    def _recount(self) -> None:
        document = {
            str(chunk): {"inc": incoming, "out": outgoing}
            for chunk, (incoming, outgoing) in self.totals.items()
            if incoming or outgoing
        }
        attributes = writable(self.group).attributes
        write_json(attributes, _COUNTS, document)
        attributes.set(_LENGTH, sum(incoming for incoming, _ in self.totals.values()))

    def _rebuild(self, trusted: str) -> None:
        """Make the other copy from the one that is trusted."""
        other = next(each for each in DIRECTIONS if each != trusted)
        group = writable(self.group)
        if other in group:
            group.delete(other)
        group.require_group(other)
        side = DIRECTIONS.index(trusted)
        totals = {chunk: [0, 0] for chunk, counts in self.totals.items() if counts[side]}
        for chunk, counts in totals.items():
            counts[side] = self.totals[chunk][side]
        network = _Uncounted()
        connections = ClassicConnectivity(group, self.tag, network)
        network.cache.put((_CONNECTIVITY, self.tag), StoredTotals(totals))
        connections._touch()
        for part in perspectives(connections, trusted, self.most):
            sizes = np.diff(part.starts)
            near, far = (np.repeat(ids, sizes) for ids in (part.local_chunks, part.global_chunks))
            ends = (near, far, part.local_locations, part.global_locations)
            if trusted == "inc":
                ends = (far, near, part.global_locations, part.local_locations)
            connections._append(Blocks(*ends).seen(other))
        connections.flush()


def _read_blocks(group: GroupReader) -> LocalBlocks:
    for name in _ARRAYS:
        _check_numbers(group.array(name), (3,), "iu")
    blocks = LocalBlocks.read(group)
    if len(np.unique(blocks.chunks)) != len(blocks.chunks):
        raise CorruptNetworkError(f"'{_ORDER}' names a chunk twice")
    if blocks.total and not len(blocks.chunks):
        raise CorruptNetworkError(f"{blocks.total} connections are of no chunk")
    return blocks


class _Uncounted:
    """A network of which nobody wants to know the totals: they are counted later."""

    def __init__(self) -> None:
        self.totals = NetworkTotals()
        self.cache = VersionedCache().at("rebuilt")

    def touch(self) -> None:
        """Changes are counted below."""


def _check_length(
    attributes: Any, total: int, place: tuple[str, str], found: Findings, mend: Any
) -> None:
    part, name = place
    length = attributes.get(_LENGTH)
    if not isinstance(length, int | np.integer) or length != total:
        found.note(part, f"'{name}', {_LENGTH}", f"is {plain(length)}; there are {total}", mend)


def _check_numbers(array: ArrayReader, width: tuple[int, ...] | None, kinds: str) -> None:
    shape, dtype = array.shape, array.dtype
    if dtype.kind not in kinds or not shape or (width is not None and shape[1:] != width):
        raise CorruptNetworkError(f"it has shape {shape} and dtype '{dtype}'")


def _check_used(used: set[int], names: list[str]) -> None:
    wrong = [code for code in sorted(used) if not 0 <= code < len(names)]
    if wrong:
        raise CorruptNetworkError(
            f"cells have the morphologies {wrong[:10]} of a list of {len(names)}"
        )


def _texts(group: GroupReader, name: str) -> list[str]:
    value = group.attributes.get(name)
    return [] if value is None else [str(each) for each in value]
