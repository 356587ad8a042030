"""Matrices of the connections between groups of cells."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby

import attrs
import numpy as np
from numpy.typing import NDArray

from ..connectivity_set import ConnectivitySet
from ..errors import InputError
from ..placement_set import PlacementSet
from ..transactions.interrupts import without_interrupts
from ..transactions.session import Session
from .degrees import check_choice
from .groups import GROUPED_BY, Grouping, GroupKey, grouping_of
from .networks import (
    ConnectivitySets,
    PlacementSets,
    chosen_connectivity_sets,
    chosen_placement_sets,
    session_on,
)
from .populations import Numbers, Population
from .streams import Piece, Stream

VALUES = ("count", "pairs", "probability")
# 1 GiB of values.
_MOST_ENTRIES = 1 << 27


@attrs.frozen(eq=False)
class Matrix:
    """
    Connections between groups of cells.

    :param value: meaning of the values: ``count``, ``pairs`` or ``probability``.
    :param over: divisor of the values, in words; ``""`` if there is none.
    :param pre: (rows,) presynaptic groups.
    :param post: (columns,) postsynaptic groups.
    :param values: (rows, columns), whole numbers or, for ``probability``, float64: NaN where one
        of the groups has no cells.
    :param pre_cells: (rows,) cells of each presynaptic group; ``post_cells`` likewise.
    """

    value: str
    over: str
    pre: tuple[GroupKey, ...]
    post: tuple[GroupKey, ...]
    values: NDArray[np.int64] | NDArray[np.float64]
    pre_cells: NDArray[np.int64]
    post_cells: NDArray[np.int64]


@without_interrupts
def matrix(
    connections: ConnectivitySets,
    value: str = "count",
    *,
    by: str = "type",
    cells: PlacementSets = (),
    progress: bool | None = None,
) -> Matrix:
    """
    The connections between groups of cells.

    NetPyNE's ``plotConn`` shows it, with ``feature="numConns"`` and ``"probability"``, grouped by
    population; bluepysnap has ``edges.pathway_edges`` for one entry.

    :param connections: a connectivity set, several, or a network.
    :param value: ``count`` counts connections. ``pairs`` counts connected pairs of cells, each once
        even if several sets connect it. ``probability`` divides these by the number of ordered
        pairs of a presynaptic and a postsynaptic cell, a cell with itself included.
    :param by: ``type``, ``label`` or ``chunk``. A cell with several labels is in several groups.
    :param cells: a placement set, or several, whose filters select the cells of their types.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :returns: the matrix; its groups are sorted by type, then by label or chunk id.
    :raises InputError: something else than connections or cells, a set or a type of cells twice,
        another value or ``by``, or more than 134,217,728 entries.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    check_choice("value", value, VALUES)
    check_choice("by", by, GROUPED_BY)
    sets = chosen_connectivity_sets(connections)
    question = _Question(by, chosen_placement_sets(cells))
    counts = np.zeros((0, 0), dtype=np.int64)
    if sets:
        with session_on(sets[0]._engine) as session:
            question.group(sets, session)
            counts = np.zeros(question.shape(), dtype=np.int64)
            for some in _between_same_types(sets):
                question.add(counts, some, value, session, progress)
    return question.answer(counts, value)


@attrs.define(eq=False)
class _Question:
    """
    The groups of the presynaptic and postsynaptic types.

    :param filtered: the placement sets whose filters apply.
    """

    by: str
    filtered: list[PlacementSet]
    populations: dict[str, Population] = attrs.field(factory=dict)
    groupings: dict[str, Grouping] = attrs.field(factory=dict)
    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()

    def group(self, sets: list[ConnectivitySet], session: Session) -> None:
        """Find the groups of the cells that connections run between."""
        self.pre = tuple(sorted({each.pre_type_name for each in sets}))
        self.post = tuple(sorted({each.post_type_name for each in sets}))
        for name in sorted({*self.pre, *self.post}):
            is_same = partial(session.network.is_same, name)
            cells = next((each for each in self.filtered if is_same(each.tag)), None)
            if cells is None:
                population = Population.of_type(name, sets, session)
            elif cells._engine.sessions.store.identity != session.identity:
                raise InputError(f"the cells '{name}' are of another storage")
            else:
                population = Population.of(cells, session)
            self.populations[name] = population
            self.groupings[name] = grouping_of(population, self.by, session)

    def shape(self) -> tuple[int, int]:
        rows, columns = (self._end(names) for names in (self.pre, self.post))
        if rows * columns > _MOST_ENTRIES:
            raise InputError(
                f"a matrix of {rows} by {columns} groups is too large; restrict the cells, or ask"
                " by type or label",
                found=(rows, columns),
                valid=_MOST_ENTRIES,
            )
        return rows, columns

    def add(
        self,
        counts: NDArray[np.int64],
        sets: list[ConnectivitySet],
        value: str,
        session: Session,
        bar: bool | None,
    ) -> None:
        """Count the connections of sets between the same types."""
        pre, post = sets[0].pre_type_name, sets[0].post_type_name
        sources = tuple(session.network.connectivity(each.tag) for each in sets)
        asked = Stream(sources, self.populations[pre], self.populations[post], bar)
        found = _between_codes(asked, self.groupings[pre], self.groupings[post], value)
        row, column = self._first(self.pre, pre), self._first(self.post, post)
        counts[row : row + len(found), column : column + found.shape[1]] += found

    def answer(self, counts: NDArray[np.int64], value: str) -> Matrix:
        pre_cells, post_cells = (self._cells(names) for names in (self.pre, self.post))
        values: NDArray[np.int64] | NDArray[np.float64] = counts
        over = ""
        if value == "probability":
            over = "ordered pairs of a presynaptic and a postsynaptic cell"
            possible = np.multiply.outer(pre_cells.astype(np.float64), post_cells)
            values = np.full(counts.shape, np.nan)
            np.divide(counts, possible, out=values, where=possible > 0)
        rows, columns = self._keys(self.pre), self._keys(self.post)
        return Matrix(value, over, rows, columns, values, pre_cells, post_cells)

    def _first(self, names: tuple[str, ...], name: str) -> int:
        return self._end(names[: names.index(name)])

    def _end(self, names: tuple[str, ...]) -> int:
        return sum(len(self.groupings[name].keys) for name in names)

    def _cells(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        return np.concatenate(
            [np.zeros(0, dtype=np.int64), *(self.groupings[name].cells() for name in names)]
        )

    def _keys(self, names: tuple[str, ...]) -> tuple[GroupKey, ...]:
        return tuple(key for name in names for key in self.groupings[name].keys)


def _between_same_types(sets: list[ConnectivitySet]) -> Iterator[list[ConnectivitySet]]:
    def types(each: ConnectivitySet) -> tuple[str, str]:
        return each.pre_type_name, each.post_type_name

    for _, some in groupby(sorted(sets, key=types), types):
        yield list(some)


def _between_codes(asked: Stream, pre: Grouping, post: Grouping, value: str) -> NDArray[np.int64]:
    """(groups of pre, groups of post) connections, or pairs of connected cells."""
    if value == "count" and asked.is_whole and pre.codes is None and post.codes is None:
        return np.array([[sum(source.count for source in asked.sources)]], dtype=np.int64)
    counts = np.zeros(pre.width * post.width, dtype=np.int64)
    # perf: matrix by label; multiplied here once, not for each connection.
    rows = None if pre.codes is None else pre.codes * post.width
    for batch in asked.batches("out"):
        if value == "count" and asked.is_whole:
            for piece in batch:
                for cut in piece.cuts():
                    _tally(counts, *_codes(cut, rows, post.codes), len(cut.part.local_locations))
            continue
        for sources, targets in _counted(batch, asked, value):
            _tally(counts, _index(rows, sources), _index(post.codes, targets), len(sources))
    table = counts.reshape(pre.width, post.width)
    return post.by_group(pre.by_group(table).T).T


def _codes(
    piece: Piece, rows: Numbers | None, columns: Numbers | None
) -> tuple[Numbers | int, Numbers | int]:
    """The entries of the cells of all connections of a piece in the tables."""
    part = piece.part
    if len(part.local_chunks) != 1 or rows is None or columns is None:
        sources, targets = piece.numbers()
        return _index(rows, sources), _index(columns, targets)
    near, far = part.local_locations[:, 0], part.global_locations[:, 0]
    return (
        piece.near.look_up(rows, int(part.local_chunks[0]), near),
        piece.far.look_up(columns, int(part.global_chunks[0]), far),
    )


def _counted(
    batch: Iterator[Piece], asked: Stream, value: str
) -> Iterator[tuple[Numbers, Numbers]]:
    """Presynaptic and postsynaptic cells of what is counted."""
    if value == "count":
        yield from (cut.numbers() for piece in batch for cut in piece.cuts())
        return
    width = max(asked.post.size, 1)
    keys = (piece.pair_keys() for piece in batch)
    if len(asked.sources) > 1:
        # A pair may be in several sets.
        keys = (each for each in [np.concatenate([np.zeros(0, dtype=np.int64), *keys])])
    yield from (np.divmod(np.unique(each), width) for each in keys)


def _index(codes: Numbers | None, cells: Numbers) -> Numbers | int:
    return 0 if codes is None else codes.take(cells)


def _tally(
    counts: NDArray[np.int64], rows: Numbers | int, columns: Numbers | int, many: int
) -> None:
    if isinstance(rows, int) and isinstance(columns, int):
        counts[rows + columns] += many
        return
    index = np.asarray(rows + columns)
    if len(index):
        # Each piece of connections concerns only a part of a large table.
        first = int(index.min()) if len(counts) > len(index) else 0
        found = np.bincount(index - first if first else index)
        counts[first : first + len(found)] += found
