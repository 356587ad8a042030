"""Cells as a plain list, and the placement set that holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st

from bsb_hdf5.core.cell_labels import change_labels
from bsb_hdf5.core.layouts.classic.placement import ClassicPlacement
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from tests.unit.memory import new_placement

CHUNKS = [0, 3, 65536, 2**40]


@attrs.frozen
class Cell:
    """What a test knows of a cell."""

    chunk: int
    rank: int
    labels: frozenset[str]


LabelsByChunk = dict[int, list[frozenset[str]]]

label_sets = st.frozensets(st.sampled_from(["a", "b"]))

placements = st.dictionaries(
    st.sampled_from(CHUNKS), st.lists(label_sets, max_size=4), min_size=1, max_size=4
)

chunk_filters = st.none() | st.lists(st.sampled_from([*CHUNKS, 99]), max_size=3)

label_filters = st.none() | st.lists(st.sampled_from(["a", "b", "unknown"]), max_size=2)


def cells_of(by_chunk: LabelsByChunk) -> list[Cell]:
    """All cells, in the order in which they are numbered."""
    return [
        Cell(chunk, rank, labels)
        for chunk in sorted(by_chunk)
        for rank, labels in enumerate(by_chunk[chunk])
    ]


def stored(by_chunk: LabelsByChunk) -> ClassicPlacement:
    """A set of these cells; the position of each is its chunk and rank."""
    data = new_placement()
    for chunk, cells in by_chunk.items():
        positions = [[chunk, rank, 0] for rank in range(len(cells))]
        data.require_chunk(chunk)
        data.append(chunk, PlacementRows.of_cells(positions, None, None, None))
    everything = cells_of(by_chunk)
    for label in ("a", "b"):
        ids = [i for i, cell in enumerate(everything) if label in cell.labels]
        change_labels(data, Selection().resolve(data), np.array(ids, dtype=np.int64), [label])
    return data


def ids_of(chunks: Iterable[int] | None) -> Any:
    return None if chunks is None else np.array(list(chunks), dtype=np.int64)


def selects(cell: Cell, chunks: list[int] | None, labels: list[str] | None) -> bool:
    """Whether a filter lets a cell pass: any of the labels, or for none, no label."""
    if chunks is not None and cell.chunk not in chunks:
        return False
    return labels is None or bool(cell.labels & set(labels)) or cell.labels == set(labels)
