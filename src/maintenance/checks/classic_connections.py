"""Checks of a connectivity set in the classic layout, which stores each connection twice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core.connectivity import DIRECTIONS, Blocks
from ...core.layouts.classic.connectivity import ClassicConnectivity, StoredTotals
from ...core.layouts.classic.local_blocks import LocalBlocks
from ...core.layouts.documents import interpreting, read_json, write_json
from ...core.mirrored import MirroredCopy, perspectives
from ...core.paths import canonical
from ...core.statistics import NetworkTotals
from ...errors import CorruptNetworkError
from ...ports.arrays import GroupReader
from ...transactions.versioned_cache import VersionedCache
from ..findings import Findings
from .parts import (
    check_history,
    check_length,
    check_numbers,
    chunk_of,
    note_totals,
    writable,
)

CONNECTIVITY = "connectivity"
_COUNTS, _LENGTH, _ORDER = "chunks", "len", "chunk_list"
_ARRAYS = ("local_locs", "global_locs")


@attrs.define(eq=False)
class CheckedConnections:
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
        check_history(self.group, CONNECTIVITY, self.tag, self.found)
        for name in ("pre", "post"):
            if not isinstance(self.group.attributes.get(name), str):
                where = f"'{self.tag}', {name}"
                self.found.note(CONNECTIVITY, where, "the type of the cells is missing")
        for side, direction in enumerate(DIRECTIONS):
            where, options = self._copy(direction), self._rebuilt(direction)
            with self.found.reading(CONNECTIVITY, where, **options) as reading:
                self._direction(side, direction)
            self.broken |= reading.failed
        if not self.broken:
            self._check_counts()
        return self.totals

    def compare(self, connections: ClassicConnectivity) -> None:
        """Note rows that are not connections, and blocks whose mirrored copies differ."""
        if self.broken:
            return
        copies: list[MirroredCopy] = []
        for direction in DIRECTIONS:
            with self.found.reading(
                CONNECTIVITY, self._copy(direction), **self._rebuilt(direction)
            ):
                copies.append(MirroredCopy.read(connections, direction, self.most, ordered=False))
        if len(copies) < len(DIRECTIONS):
            return
        self._note_problems(dict(zip(DIRECTIONS, (each.problem for each in copies), strict=True)))
        first, second = (copy.by_pair() for copy in copies)
        for pair in sorted({*first, *second}):
            if first.get(pair) != second.get(pair):
                self._note_difference(pair, first.get(pair, (0, 0))[0], second.get(pair, (0, 0))[0])

    def _note_problems(self, problems: Mapping[str, str | None]) -> None:
        """Note why rows of a copy are not connections between cells."""
        for direction, problem in problems.items():
            if problem is not None:
                # A copy is no better for being made from another that has the same problem.
                options = self._rebuilt(direction) if None in problems.values() else {}
                self.found.note(CONNECTIVITY, self._copy(direction), problem, **options)

    def _copy(self, direction: str) -> str:
        return f"'{self.tag}', {direction}"

    def _rebuilt(self, broken: str) -> dict[str, Any]:
        """How a copy comes right: from the other one, if that is trusted."""
        other = next(each for each in DIRECTIONS if each != broken)
        mend = (CONNECTIVITY, self.tag, other), partial(self._rebuild, other)
        return {"mend": mend if self.trust == other else None, "repairable": True}

    def _note_difference(self, pair: tuple[int, int], incoming: int, outgoing: int) -> None:
        same = " that are not the same" if incoming == outgoing else ""
        mend = None
        if self.trust is not None:
            trusted = self.trust
            mend = (CONNECTIVITY, self.tag, trusted), partial(self._rebuild, trusted)
        self.found.note(
            CONNECTIVITY,
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
            with self.found.reading(CONNECTIVITY, where, **options) as reading:
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
            self.found.note(CONNECTIVITY, where, what, ((where, "strays"), drop))

    def _check_counts(self) -> None:
        attributes = self.group.attributes
        if attributes.get(_COUNTS) is None:
            return
        mend = ((CONNECTIVITY, self.tag), self._recount)
        where = f"'{self.tag}', {_COUNTS}"
        with self.found.reading(CONNECTIVITY, where, mend=mend):
            document = read_json(attributes, _COUNTS)
            with interpreting(_COUNTS):
                said = {
                    int(chunk): (int(counts.get("inc", 0)), int(counts.get("out", 0)))
                    for chunk, counts in document.items()
                }
            actual = {chunk: tuple(counts) for chunk, counts in self.totals.items()}
            note_totals(self.found, said, actual, mend, f"{CONNECTIVITY} '{self.tag}',")
        total = sum(incoming for incoming, _ in self.totals.values())
        check_length(attributes, total, (CONNECTIVITY, self.tag), self.found, mend)

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
        network.cache.put((CONNECTIVITY, canonical(self.tag)), StoredTotals(totals))
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
        check_numbers(group.array(name), (3,), "iu")
    blocks = LocalBlocks.read(group)
    if len(np.unique(blocks.chunks)) != len(blocks.chunks):
        raise CorruptNetworkError(f"'{_ORDER}' names a chunk twice")
    if blocks.total and not len(blocks.chunks):
        raise CorruptNetworkError(f"{blocks.total} connections are of no chunk")
    return blocks


class _Uncounted:
    """A stand-in for the network that ignores totals, as they are counted later."""

    def __init__(self) -> None:
        self.totals = NetworkTotals()
        self.cache = VersionedCache().at("rebuilt")

    def touch(self) -> None:
        """Changes are counted below."""
