"""Cells and connections as tables of pandas and matrices of scipy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..connectivity_set import ConnectivitySet
from ..core import columns
from ..core.cell_ids import SelectedCells
from ..core.cell_labels import load_label_codes
from ..core.chunk_id import Ids, unpack
from ..core.column_specs import ROTATION, additional_column
from ..core.layouts.protocols import PlacementReader
from ..errors import CorruptNetworkError, InputError
from ..placement_set import PlacementSet
from ..ports.arrays import AnyArray
from ..transactions.interrupts import without_interrupts
from ..transactions.session import Session
from .connections import pairs
from .groups import group_text
from .matrices import Matrix
from .networks import session_on
from .populations import Population, load_positions
from .streams import Piece, Stream, stream

if TYPE_CHECKING:
    import pandas
    import scipy.sparse

_AXES = ("x", "y", "z")
# All columns that a table of cells may have.
_RESERVED = {
    *(f"{prefix}{axis}" for prefix in ("", "chunk_", "rotation_") for axis in _AXES),
    *("cell", "morphology", "labels"),
}
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of rows of additional data, by key."""
CONNECTION_COLUMNS = ("pre", "pre_branch", "pre_point", "post", "post_branch", "post_point")


@without_interrupts
def to_sparse(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    progress: bool | None = None,
) -> scipy.sparse.csr_array:
    """
    The connections as a sparse matrix: the number of synapses from each cell to each other.

    :param pre: the cells that the rows stand for, under their filters; by default, all.
    :param post: the cells that the columns stand for, under their filters; by default, all.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :returns: (presynaptic cells, postsynaptic cells) int64.
    :raises InputError: not a connectivity set, or cells of another type or storage.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    from scipy.sparse import csr_array

    with stream(connections, pre, post, progress) as asked:
        found = pairs(connections, pre=pre, post=post, progress=progress)
        starts = np.searchsorted(found.pre, np.arange(asked.pre.size + 1))
        shape = (asked.pre.size, asked.post.size)
    return csr_array((found.synapses, found.post, starts), shape=shape)


@without_interrupts
def to_frame(
    asked: PlacementSet | ConnectivitySet | Matrix,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    progress: bool | None = None,
) -> pandas.DataFrame:
    """
    Cells, connections or a matrix as a table.

    The counterparts in bluepysnap are ``nodes.get`` and ``edges.get``.

    For cells, each row is a cell that the filters keep, with its id in the whole set as index:
    ``chunk_x``, ``chunk_y`` and ``chunk_z``; ``x``, ``y`` and ``z`` (um); ``rotation_x`` to
    ``rotation_z`` (degrees) and ``morphology``, where any cell has one; ``labels``, sorted, with
    commas between them; and additional data by key, with ``_`` after a key that is the name of
    another column.

    For connections, each row has ``pre`` and ``post``, the numbers of its cells under the filters,
    and ``pre_branch``, ``pre_point``, ``post_branch`` and ``post_point``, -1 on cells without
    morphology. For a matrix, rows and columns are its groups.

    :param asked: a placement set, a connectivity set, or the result of :func:`matrix`.
    :param pre: for a connectivity set: keep only connections from these cells.
    :param post: for a connectivity set: keep only connections to these cells.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :raises InputError: ``asked`` is something else, or the cells have another type or storage.
    """
    import pandas

    if isinstance(asked, Matrix):
        rows, labels = (list(map(group_text, keys)) for keys in (asked.pre, asked.post))
        return pandas.DataFrame(asked.values, index=rows, columns=labels)
    if isinstance(asked, PlacementSet):
        return cell_table(asked, joined)
    if isinstance(asked, ConnectivitySet):
        with stream(asked, pre, post, progress, with_points=True) as connections:
            return pandas.DataFrame(connection_columns(connections))
    raise InputError(
        f"a PlacementSet, ConnectivitySet or Matrix is needed, not {asked!r}", asked=asked
    )


def joined(labels: frozenset[str]) -> str:
    """A label set as one text."""
    return ",".join(sorted(labels))


def cell_table(
    cells: PlacementSet,
    label_value: Callable[[frozenset[str]], object],
    shapes: Shapes | None = None,
) -> pandas.DataFrame:
    """
    The table of the cells of a set, as of :func:`to_frame`.

    :param label_value: what stands for a label set in the column ``labels``.
    :param shapes: shapes of the table that this one is a part of, which its columns are named for.
    :raises CorruptNetworkError: additional data are of another shape.
    """
    import pandas

    with session_on(cells._engine) as session:
        table = _cell_columns(cells, session, label_value, shapes)
        return pandas.DataFrame(table, index=pandas.Index(cells.load_ids(), name="cell"))


def _cell_columns(
    cells: PlacementSet,
    session: Session,
    label_value: Callable[[frozenset[str]], object],
    shapes: Shapes | None,
) -> dict[str, AnyArray]:
    data, selected = cells._selected(session)
    population = Population.of(cells, session)
    chunk_ids = population.whole.ids[population.chunk_of_each()]
    table = _triple("chunk_{}", unpack(chunk_ids))
    table |= _triple("{}", load_positions(cells, session))
    rotations = columns.load_column(data, ROTATION, selected)
    if len(rotations):
        table |= _triple("rotation_{}", rotations)
    morphologies, with_one = columns.find_morphologies(data, selected)
    if len(morphologies.indices):
        names = np.full(len(with_one), None, dtype=object)
        names[with_one] = np.array(morphologies.names, dtype=object)[morphologies.indices]
        table["morphology"] = names
    table["labels"] = _labels(cells, population, session, label_value)
    return table | _additional(data, selected, shapes)


def _triple(title: str, rows: AnyArray) -> dict[str, AnyArray]:
    return {title.format(axis): rows[:, i] for i, axis in enumerate(_AXES)}


def _additional(
    data: PlacementReader, selected: SelectedCells, shapes: Shapes | None
) -> dict[str, AnyArray]:
    each = ((key, additional_column(key)) for key in data.additional_keys())
    loaded = {key: columns.load_column(data, column, selected) for key, column in each}
    found = {key: rows.shape[1:] for key, rows in loaded.items() if len(rows)}
    titles = _titles(found if shapes is None else shapes)
    table: dict[str, AnyArray] = {}
    for key, shape in found.items():
        if shapes is not None and shapes[key] != shape:
            raise CorruptNetworkError(
                f"rows of '{additional_column(key).title}' of '{data.name}' are of shape {shape}"
                f" and {shapes[key]}"
            )
        flat = loaded[key].reshape(len(loaded[key]), -1)
        table |= zip(titles[key], flat.T, strict=True)
    return table


def additional_shapes(data: PlacementReader, parts: Iterable[Ids]) -> Shapes:
    """
    The shapes of rows of additional data, by the keys that have any.

    :param parts: all chunks, some of which are read at a time.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for key in data.additional_keys():
        read = (data.read_column(additional_column(key), ids)[0] for ids in parts)
        found = next((rows.shape[1:] for rows in read if len(rows)), None)
        if found is not None:
            shapes[key] = found
    return shapes


def _titles(shapes: Shapes) -> dict[str, list[str]]:
    """By key, one column for single values, or a column for each value of a row."""
    titles: dict[str, list[str]] = {}
    taken = set(_RESERVED)
    for key, shape in shapes.items():
        name = key
        while not taken.isdisjoint(found := _columns_of(name, shape)):
            name += "_"
        titles[key] = found
        taken.update(found)
    return titles


def _columns_of(name: str, shape: tuple[int, ...]) -> list[str]:
    return [f"{name}_{i}" for i in range(math.prod(shape))] if shape else [name]


def _labels(
    cells: PlacementSet,
    population: Population,
    session: Session,
    label_value: Callable[[frozenset[str]], object],
) -> NDArray[np.object_]:
    data = session.network.placement(cells.tag)
    codes = load_label_codes(data, population.whole)
    if population.numbers is not None:
        codes = codes[population.numbers >= 0]
    found, index = np.unique(codes, return_inverse=True)
    values = map(label_value, data.label_sets().of(found))
    # Values may be lists, which another function would turn into a two-dimensional array.
    return np.fromiter(values, dtype=object, count=len(found))[index]


def connection_columns(connections: Stream) -> dict[str, NDArray[np.int64]]:
    """Numbers of cells, branches and points of all connections, by presynaptic chunk."""
    nothing = np.zeros((0, 6), dtype=np.int64)
    rows = np.concatenate([nothing, *map(piece_rows, connections.pieces("out"))])
    return {name: rows[:, i] for i, name in enumerate(CONNECTION_COLUMNS)}


def piece_rows(piece: Piece) -> NDArray[np.int64]:
    """(n, 6) local cell, branch and point, and global ones, of the connections that are kept."""
    near, far = piece.numbers()
    kept = piece.kept()
    part = piece.part
    rows = np.empty((len(near), 6), dtype=np.int64)
    rows[:, 0], rows[:, 1:3] = near, part.local_locations[kept, 1:]
    rows[:, 3], rows[:, 4:] = far, part.global_locations[kept, 1:]
    return rows
