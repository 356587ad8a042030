"""
A network as plain dictionaries and lists: what a storage is compared with.

It knows the rules of a network (how cells are numbered, what cells without a column have, in
which order connections come) and nothing of how one is stored.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs

Row: TypeAlias = Any
Column: TypeAlias = str | tuple[str, str]
"""The name of a column; of additional data, with the name of the collection before it."""
Location: TypeAlias = tuple[int, int, int]
Connection: TypeAlias = tuple[Location, Location]
Chunks: TypeAlias = Sequence[int] | None
Labels: TypeAlias = Sequence[str] | None

NAN = float("nan")
NO_LABELS: frozenset[str] = frozenset()
# What the cells have that came before the first with a column.
FILL: dict[Column, Row] = {"position": (NAN,) * 3, "rotation": (0.0,) * 3, "labels": NO_LABELS}


@attrs.define
class ChunkOfCells:
    """
    The cells of one type in a chunk.

    :param columns: rows by column, of the first cells; additional data by a pair.
    """

    count: int = 0
    columns: dict[Column, list[Row]] = attrs.field(factory=dict)

    def append(self, count: int, columns: dict[Column, list[Row]], fill: dict[Column, Row]) -> None:
        """Add cells; ``fill`` is for the cells before them that lack a column."""
        for name, rows in columns.items():
            held = self.columns.setdefault(name, [])
            held.extend([fill[name]] * (self.count - len(held)))
            held.extend(rows)
        self.count += count

    def labels(self) -> list[frozenset[str]]:
        """The labels of each cell."""
        held: list[frozenset[str]] = self.columns.get("labels", [])
        return [*held, *[NO_LABELS] * (self.count - len(held))]


@attrs.define
class Cells:
    """A placement set: its chunks by id, and the keys of additional data that it ever had."""

    chunks: dict[int, ChunkOfCells] = attrs.field(factory=dict)
    keys: set[str] = attrs.field(factory=set)

    def select(self, chunks: Chunks = None) -> list[tuple[int, ChunkOfCells]]:
        """The requested chunks, or all of them, by id."""
        kept = sorted(self.chunks) if chunks is None else sorted(set(chunks) & set(self.chunks))
        return [(id_, self.chunks[id_]) for id_ in kept]

    def mask(self, chunks: Chunks, labels: Labels) -> list[bool]:
        """Which cells of the chunks carry one of the labels."""
        return [
            labels is None or bool(held & set(labels)) or held == set(labels)
            for _, chunk in self.select(chunks)
            for held in chunk.labels()
        ]

    def places(self, chunks: Chunks, labels: Labels) -> list[tuple[int, int]]:
        """Chunk and rank of each cell that is selected."""
        every = [(id_, rank) for id_, chunk in self.select(chunks) for rank in range(chunk.count)]
        return _where(every, self.mask(chunks, labels))

    def ids(self, chunks: Chunks, labels: Labels) -> list[int]:
        """Numbers, in the whole set, of the cells that are selected."""
        numbers = {place: i for i, place in enumerate(self.places(None, None))}
        return [numbers[place] for place in self.places(chunks, labels)]

    def column(self, name: str, chunks: Chunks, labels: Labels) -> list[Row]:
        """A row per selected cell; none at all where no chunk has the column."""
        selected = [chunk for _, chunk in self.select(chunks)]
        if not any(chunk.columns.get(name) for chunk in selected):
            return []
        rows = []
        for chunk in selected:
            held = chunk.columns.get(name, [])
            rows += [*held, *[FILL[name]] * (chunk.count - len(held))]
        return _where(rows, self.mask(chunks, labels))

    def stored(self, name: Column, chunks: Chunks, labels: Labels) -> list[Row]:
        """A row for each selected cell that has one, or that precedes a cell with one."""
        rows: list[Row] = []
        for _, chunk in self.select(chunks):
            held = chunk.columns.get(name, [])
            rows += [*held, *[None] * (chunk.count - len(held))]
        return [row for row in _where(rows, self.mask(chunks, labels)) if row is not None]

    def change_labels(
        self, places: Sequence[tuple[int, int]], labels: set[str], *, remove: bool
    ) -> None:
        """Add labels to cells, or remove them."""
        for id_, rank in places:
            chunk = self.chunks[id_]
            held = chunk.labels()
            held[rank] = held[rank] - labels if remove else held[rank] | labels
            chunk.columns["labels"] = held


@attrs.define
class ConnectionBlocks:
    """A connectivity set: the connections of each block, by pre- and postsynaptic chunk."""

    pre: str
    post: str
    blocks: dict[tuple[int, int], list[Connection]] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.blocks.values()))

    def connect(
        self,
        pre: Sequence[tuple[int, int]],
        post: Sequence[tuple[int, int]],
        pairs: Sequence[Connection],
        *,
        by_cell: bool,
    ) -> None:
        """
        Connect cells.

        :param pre: chunk and rank of each cell that the pairs count; ``post`` likewise.
        :param by_cell: the connections of each block come by postsynaptic, then by
            presynaptic cell.
        """
        new: dict[tuple[int, int], list[Connection]] = {}
        for source, target in pairs:
            (pre_chunk, pre_rank), (post_chunk, post_rank) = pre[source[0]], post[target[0]]
            connection = ((pre_rank, *source[1:]), (post_rank, *target[1:]))
            new.setdefault((pre_chunk, post_chunk), []).append(connection)
        for block, connections in new.items():
            if by_cell:
                connections.sort(key=lambda each: (each[1][0], each[0][0]))
            self.blocks.setdefault(block, []).extend(connections)

    def seen(self, direction: str) -> dict[tuple[int, int], list[Connection]]:
        """Blocks by local and global chunk, in order; local and global locations."""
        if direction == "out":
            return dict(sorted(self.blocks.items()))
        turned = {
            (post, pre): [(after, before) for before, after in connections]
            for (pre, post), connections in self.blocks.items()
        }
        return dict(sorted(turned.items()))

    def clear(self, chunks: Chunks) -> None:
        """Remove the connections from or to some chunks, or all."""
        kept = {} if chunks is None else self.blocks
        cleared = set(chunks or ())
        self.blocks = {block: kept[block] for block in kept if not cleared & set(block)}

    def totals(self) -> dict[int, tuple[int, int]]:
        """Incoming and outgoing connections per chunk."""
        totals: dict[int, tuple[int, int]] = {}
        for (pre, post), connections in self.blocks.items():
            incoming, outgoing = totals.get(post, (0, 0))
            totals[post] = (incoming + len(connections), outgoing)
            incoming, outgoing = totals.get(pre, (0, 0))
            totals[pre] = (incoming, outgoing + len(connections))
        return totals


@attrs.define
class NetworkModel:
    """
    All that a storage holds.

    :param sized: whether the size of chunks is known.
    :param morphologies: names of the stored samples by name of the morphology.
    :param meta: metadata of morphologies by name.
    :param files: content and ``meta`` by id.
    """

    sized: bool = False
    cells: dict[str, Cells] = attrs.field(factory=dict)
    connections: dict[str, ConnectionBlocks] = attrs.field(factory=dict)
    morphologies: dict[str, str] = attrs.field(factory=dict)
    meta: dict[str, Any] = attrs.field(factory=dict)
    files: dict[str, tuple[Any, Any]] = attrs.field(factory=dict)

    def state_of_sets(self) -> dict[str, bytes]:
        """Identifies the state of each set."""
        return {
            name: pickle.dumps((self.cells.get(name), self.connections.get(name)))
            for name in {*self.cells, *self.connections}
        }

    def totals(self) -> dict[int, tuple[int, int, int]]:
        """Cells placed, incoming and outgoing connections per chunk that holds any."""
        totals: dict[int, list[int]] = {}
        for id_, added in self._counted():
            held = totals.setdefault(id_, [0, 0, 0])
            totals[id_] = [a + b for a, b in zip(held, added, strict=True)]
        return {id_: (a, b, c) for id_, (a, b, c) in totals.items() if a or b or c}

    def _counted(self) -> Iterator[tuple[int, tuple[int, int, int]]]:
        for cells in self.cells.values():
            for id_, chunk in cells.chunks.items():
                yield id_, (chunk.count, 0, 0)
        for connections in self.connections.values():
            for id_, (incoming, outgoing) in connections.totals().items():
                yield id_, (0, incoming, outgoing)


def _where(rows: Sequence[Row], mask: Sequence[bool]) -> list[Row]:
    return [row for row, kept in zip(rows, mask, strict=True) if kept]
