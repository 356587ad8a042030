"""
A connectivity set in the classic layout: two mirrored copies of each connection.

Each local chunk has a group with two arrays, in which the blocks to its global chunks follow each
other. The attribute ``chunk_list`` lists the global chunks in this order; an attribute named after
each global chunk holds the first row of its block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError
from ....ports.arrays import GroupReader, GroupWriter
from ...chunk_id import Ids, are_among, chunk_ids, is_chunk_id
from ...connectivity import DIRECTIONS, Blocks, Perspective
from ...paths import canonical
from ...rows import Lengths, Locations, Rows
from ...statistics import ChunkCounts
from ..documents import interpreting, read_json, write_json
from ..history import SetHistory, advance_revision, read_history, write_history
from ..nodes import GROUP, kind_of
from .local_blocks import (
    ARRAYS,
    KnownBlocks,
    LocalBlocks,
    blocks_key,
    read_order,
    write_blocks,
)
from .paths import Kind
from .sets import Totals

# Attributes of a set, at least one of which it has.
_MARKS = ("pre", "post", "tag")
# Few local chunks stay at fewer connections than this.
_EXPECTED_ROWS = 85


def _is_set(group: GroupReader, name: str) -> bool:
    if kind_of(group, name) != GROUP:
        return False
    member = group.group(name)
    return _is_marked(member) or any(_is_direction(member, each) for each in DIRECTIONS)


def _is_direction(group: GroupReader, name: str) -> bool:
    """Whether local chunks lie in a member, or nothing; else it leads to sets."""
    if name not in group or kind_of(group, name) != GROUP or _is_marked(group.group(name)):
        return False
    member = group.group(name)
    names = member.names()
    return not names or any(_is_local(member, each) for each in names)


def _is_local(group: GroupReader, name: str) -> bool:
    if not is_chunk_id(name) or kind_of(group, name) != GROUP:
        return False
    return not _is_marked(group.group(name))


def _is_marked(group: GroupReader) -> bool:
    return any(group.attributes.get(mark) is not None for mark in _MARKS)


CONNECTIVITY = Kind(
    "connectivity set",
    _is_set,
    frozenset(DIRECTIONS),
    lambda group, name: group.group(name).attributes.get("tag"),
)


@attrs.define(eq=False)
class StoredTotals:
    """
    What is remembered of a set.

    :param totals: incoming and outgoing connections per chunk.
    :param orders: global chunks by direction and local chunk, in the order of their rows.
    """

    totals: dict[int, list[int]]
    orders: dict[tuple[str, int], Ids] = attrs.field(factory=dict)


class ClassicConnectivity:
    """The connections of one set, for the duration of a session."""

    mirrored = True

    def __init__(self, group: GroupWriter, tag: str, network: Totals) -> None:
        self._group = group
        self._network = network
        self.tag = tag
        self._touched = False
        self._key = ("connectivity", canonical(tag))
        self._loaded: StoredTotals | None = None
        self._blocks: KnownBlocks | None = None

    @classmethod
    def create(cls, group: GroupWriter, tag: str, pre: str, post: str, created_at: str) -> None:
        """Prepare an empty group."""
        for name, value in (("pre", pre), ("post", post), ("tag", tag), ("revision", 0)):
            group.attributes.set(name, value)
        group.attributes.set("created_at", created_at)
        for direction in DIRECTIONS:
            group.require_group(direction)

    @property
    def pre_type(self) -> str:
        return self._text("pre")

    @property
    def post_type(self) -> str:
        return self._text("post")

    @property
    def count(self) -> int:
        return sum(incoming for incoming, _ in self._totals.values())

    @property
    def holes(self) -> int:
        # Each block has separate arrays, which are removed with it.
        return 0

    def damage(self, _most: int) -> Iterator[str]:
        # The layout has no checksums.
        return iter(())

    def history(self) -> SetHistory:
        return read_history(self._group.attributes)

    def set_history(self, history: SetHistory) -> None:
        write_history(self._group.attributes, history)

    def chunk_totals(self) -> Mapping[int, tuple[int, int]]:
        return {chunk: (inc, out) for chunk, (inc, out) in self._totals.items() if inc or out}

    def local_chunks(self, direction: str) -> Ids:
        if direction not in self._group:
            return np.zeros(0, dtype=np.int64)
        return chunk_ids(self._group.group(direction).names())

    def block_sizes(self, direction: str, local: int) -> ChunkCounts:
        found = self._read_local(direction, local)
        if found is None:
            return ChunkCounts.of({})
        _, blocks = found
        return ChunkCounts(blocks.chunks[blocks.order], blocks.sizes[blocks.order])

    def local_sizes(self, direction: str) -> ChunkCounts:
        side = DIRECTIONS.index(direction)
        counted = {chunk: counts[side] for chunk, counts in self._totals.items()}
        locals_ = self.local_chunks(direction).tolist()
        return ChunkCounts.of({local: counted.get(local, 0) for local in locals_})

    def read_locals(
        self,
        direction: str,
        locals_: Ids,
        globals_: Ids | None = None,
        *,
        cells_only: bool = False,  # Locations are stored whole.
    ) -> Iterator[Perspective]:
        locals_read = [
            self._read_perspective(direction, local, globals_) for local in locals_.tolist()
        ]
        return iter([each for each in locals_read if len(each.global_chunks)])

    def _read_perspective(self, direction: str, local: int, chosen: Ids | None) -> Perspective:
        globals_ = self.block_sizes(direction, local).ids
        if chosen is not None:
            globals_ = globals_[are_among(globals_, chosen)]
        near, far, lengths = self.read_blocks(direction, local, globals_)
        starts = np.append(0, np.cumsum(lengths))
        return Perspective(direction, np.full_like(globals_, local), globals_, starts, near, far)

    def read_blocks(
        self, direction: str, local: int, globals_: Ids
    ) -> tuple[Locations, Locations, Lengths]:
        found_group = self._read_local(direction, local)
        if found_group is None:
            nothing = np.zeros((0, 3), dtype=np.int64)
            return nothing, nothing.copy(), np.zeros(len(globals_), dtype=np.int64)
        group, blocks = found_group
        starts, sizes = blocks.find(globals_)
        local_rows, global_rows = (_read_ranges(group, name, starts, sizes) for name in ARRAYS)
        return local_rows, global_rows, sizes

    def read_local(self, direction: str, local: int) -> tuple[Locations, Ids, Locations]:
        found = self._read_local(direction, local)
        if found is None:
            near, far = (np.zeros((0, 3), dtype=np.int64) for _ in range(2))
            return near, np.zeros(0, dtype=np.int64), far
        group, blocks = found
        starts, sizes = blocks.starts[blocks.order], blocks.sizes[blocks.order]
        near, far = (_read_ranges(group, name, starts, sizes) for name in ARRAYS)
        return near, blocks.chunks[blocks.order].repeat(sizes), far

    def append(self, blocks: Blocks) -> None:
        if not len(blocks):
            return
        self._touch()
        for direction in DIRECTIONS:
            self._append(blocks.seen(direction))

    def clear(self, chunks: Ids | None) -> None:
        self._touch()
        for direction in DIRECTIONS:
            for local in self.local_chunks(direction).tolist():
                self._clear_local(direction, local, chunks)

    def flush(self) -> None:
        """Store the counts, once a session."""
        if not self._touched:
            return
        totals = {
            str(chunk): {"inc": incoming, "out": outgoing}
            for chunk, (incoming, outgoing) in self.chunk_totals().items()
        }
        write_json(self._group.attributes, "chunks", totals)
        self._group.attributes.set("len", self.count)
        advance_revision(self._group.attributes)
        self._network.cache.put(self._key, self._load())
        self._touched = False

    @property
    def _totals(self) -> dict[int, list[int]]:
        return self._load().totals

    def _load(self) -> StoredTotals:
        if self._loaded is None:
            known: StoredTotals | None = self._network.cache.get(self._key)
            if known is None:
                known = StoredTotals(self._read_totals())
                self._network.cache.put(self._key, known)
            self._loaded = known
        return self._loaded

    def _read_totals(self) -> dict[int, list[int]]:
        if self._group.attributes.get("chunks") is None:
            return self._recount()
        document = read_json(self._group.attributes, "chunks")
        with interpreting(f"chunks of {self.tag}"):
            return {
                int(chunk): [int(counts.get("inc", 0)), int(counts.get("out", 0))]
                for chunk, counts in document.items()
            }

    def _recount(self) -> dict[int, list[int]]:
        """Sets of early versions are not counted."""
        totals: dict[int, list[int]] = {}
        for i, direction in enumerate(DIRECTIONS):
            for local in self.local_chunks(direction).tolist():
                rows = self._group.group(direction).group(str(local)).array(ARRAYS[0]).shape[0]
                totals.setdefault(local, [0, 0])[i] = rows
        return totals

    def _text(self, name: str) -> str:
        value = self._group.attributes.get(name)
        if not isinstance(value, str):
            raise CorruptNetworkError(f"the connectivity set '{self.tag}' has no '{name}' type")
        return value

    def _read_local(self, direction: str, local: int) -> tuple[GroupWriter, LocalBlocks] | None:
        """The group of a local chunk and its blocks, which are remembered."""
        if direction not in self._group:
            return None
        sides, known = self._group.group(direction), self._known_blocks()
        held = known.get(direction, local)
        if held is None:
            if str(local) not in sides:
                return None
            held = LocalBlocks.read(sides.group(str(local)))
            known.add(direction, local, held)
        return sides.group(str(local)), held

    def _known_blocks(self) -> KnownBlocks:
        if self._blocks is None:
            cache, key = self._network.cache, blocks_key(self.tag)
            known: KnownBlocks | None = cache.get(key)
            if known is None:
                known = KnownBlocks()
                cache.put(key, known)
            self._blocks = known
        return self._blocks

    def _touch(self) -> None:
        """Note that something is about to change; what is not counted yet is counted first."""
        self._load()
        self._touched = True
        # From now on, reads do not return the state that the session began with.
        self._blocks = KnownBlocks()
        self._network.cache.invalidate(blocks_key(self.tag))
        self._network.touch()

    def _count(self, direction: str, chunk: int, added: int) -> None:
        self._totals.setdefault(chunk, [0, 0])[DIRECTIONS.index(direction)] += added
        if direction == "inc":
            self._network.totals.add(chunk, incoming=added)
        else:
            self._network.totals.add(chunk, outgoing=added)

    def _append(self, side: Perspective) -> None:
        sides = self._group.require_group(side.direction)
        held = set(self.local_chunks(side.direction).tolist())
        orders = self._load().orders
        for local, blocks, rows in side.by_local_chunk():
            chunks = side.global_chunks[blocks]
            sizes = np.diff(side.starts[blocks.start : blocks.stop + 1])
            parts = (side.local_locations[rows], side.global_locations[rows])
            if local not in held:
                group = sides.require_group(str(local))
                for name, part in zip(ARRAYS, parts, strict=True):
                    group.create_array(name, part, expected=_EXPECTED_ROWS)
                write_blocks(group, np.cumsum(sizes) - sizes, chunks, order=chunks)
                order = chunks
            else:
                group = sides.group(str(local))
                known = orders.get((side.direction, local))
                order = _insert(
                    group, read_order(group) if known is None else known, chunks, sizes, parts
                )
            orders[side.direction, local] = order
            self._count(side.direction, local, rows.stop - rows.start)

    def _clear_local(self, direction: str, local: int, chunks: Ids | None) -> None:
        self._load().orders.pop((direction, local), None)
        sides = self._group.group(direction)
        group = sides.group(str(local))
        total = group.array(ARRAYS[0]).shape[0]
        if chunks is None or local in chunks:
            sides.delete(str(local))
            self._count(direction, local, -total)
            return
        blocks = LocalBlocks.read(group)
        kept = ~np.isin(blocks.chunks, chunks)
        if kept.all():
            return
        rows = np.repeat(kept, blocks.sizes)
        parts = [group.array(name).read()[rows] for name in ARRAYS]
        sides.delete(str(local))
        if kept.any():
            _write_local(sides.require_group(str(local)), blocks, kept, parts)
        self._count(direction, local, -int(total - rows.sum()))


def _write_local(
    group: GroupWriter, blocks: LocalBlocks, kept: NDArray[np.bool_], parts: list[Rows]
) -> None:
    for name, part in zip(ARRAYS, parts, strict=True):
        group.create_array(name, part)
    sizes = blocks.sizes[kept]
    chunks = blocks.chunks[kept]
    write_blocks(group, np.cumsum(sizes) - sizes, chunks, order=chunks)


def _insert(
    group: GroupWriter,
    order: Ids,
    chunks: Ids,
    sizes: Lengths,
    parts: tuple[Locations, Locations],
) -> Ids:
    """
    Add rows to the blocks of a local chunk that has some already.

    :param order: its global chunks, in the order of their rows.
    :returns: the same, afterwards.

    The rows of a block that is new go to the end; those of a block that exists go to its
    end, and what follows moves.
    """
    held = set(order.tolist())
    known = np.array([chunk in held for chunk in chunks.tolist()])
    arrays = [group.array(name) for name in ARRAYS]
    if not known.any():
        total = arrays[0].shape[0]
        for array, part in zip(arrays, parts, strict=True):
            array.append(part)
        starts = total + np.cumsum(sizes) - sizes
        order = np.append(order, chunks)
        write_blocks(group, starts, chunks, order=order)
        return order
    blocks = LocalBlocks.read(group)
    merged_chunks = np.concatenate((blocks.chunks, chunks[~known]))
    place = {chunk: i for i, chunk in enumerate(merged_chunks.tolist())}
    targets = np.array([place[chunk] for chunk in chunks.tolist()])
    # Rows before the first block that grows stay where they are.
    first = int(targets.min())
    start = int(blocks.starts[first])
    owners = np.repeat(np.arange(len(blocks.chunks)), blocks.sizes)[start:]
    owners = np.concatenate((owners, np.repeat(targets, sizes)))
    rows = np.argsort(owners, kind="stable")
    for array, part in zip(arrays, parts, strict=True):
        merged = np.concatenate((array.read(start), part))[rows]
        array.resize(start + len(merged))
        array.write(start, merged)
    grown = np.zeros(len(merged_chunks), dtype=np.int64)
    grown[: len(blocks.chunks)] = blocks.sizes
    grown[targets] += sizes
    starts = np.cumsum(grown) - grown
    new_order = None if known.all() else merged_chunks
    write_blocks(group, starts[first:], merged_chunks[first:], order=new_order)
    return merged_chunks


def _read_ranges(
    group: GroupReader, name: str, starts: NDArray[np.int64], sizes: Lengths
) -> Locations:
    """Rows of several ranges, one after the other."""
    rows = group.array(name).read_ranges(starts, starts + sizes)
    return np.asarray(rows, dtype=np.int64)
