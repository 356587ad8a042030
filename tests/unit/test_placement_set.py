"""What a placement set answers under its filters, against plain lists of its cells."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, MorphologySet, RotationSet, Storage

from bsb_hdf5.errors import (
    CellIdError,
    ChunkSizeError,
    CorruptNetworkError,
    DataNotFoundError,
    LabelError,
    MorphologyNotFoundError,
)
from bsb_hdf5.placement_set import encode_labels
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type, morphology_of

NEAR, FAR, BARE, NEVER = (
    Chunk(each, CHUNK_SIZE) for each in ((0, 0, 0), (1, 0, 0), (0, 2, 0), (9, 9, 9))
)
# Chunk, labels, morphology, x, rotation, and additional data of each cell, by its number.
Cell = tuple[Chunk, tuple[str, ...], str | None, float, float, float | None]
CELLS: list[Cell] = [
    (NEAR, ("a",), "m", 0.0, 10.0, 0.5),
    (NEAR, (), "n", 1.0, 11.0, 1.5),
    (NEAR, ("a", "b"), "m", 2.0, 12.0, None),
    (FAR, ("b",), "n", 3.0, 13.0, 2.5),
    (FAR, (), "m", 4.0, 14.0, None),
    (BARE, ("a",), None, 5.0, 0.0, None),
    (BARE, (), None, 6.0, 0.0, None),
]
CHUNKS: list[list[Chunk] | None] = [
    None,
    [NEAR],
    [BARE, NEAR],
    [FAR],
    [NEVER],
]
LABELS: list[list[str] | None] = [None, ["a"], ["b", "never"], [], ["never"]]


@pytest.fixture
def cells(tmp_path: Path) -> Any:
    storage = Storage("memory", str(tmp_path / "network"))
    for name, shape in (("m", "labelled"), ("n", "one branch"), ("unused", "one point")):
        storage.morphologies.save(name, morphology_of(shape))
    placed = storage.require_placement_set(cell_type("granule"))
    held = [storage.morphologies.preload(name) for name in ("n", "m")]
    for chunk in (FAR, NEAR, BARE):
        rows = [cell for cell in CELLS if cell[0] is chunk]
        named = [["n", "m"].index(cell[2]) for cell in rows if cell[2]]
        placed.append_data(
            chunk,
            np.array([[cell[3]] * 3 for cell in rows]),
            morphologies=MorphologySet(held, np.array(named)) if named else None,
            rotations=RotationSet(np.array([[cell[4], 0, 0] for cell in rows])) if named else None,
        )
        data = [cell[5] for cell in rows if cell[5] is not None]
        if data:
            placed.append_additional("k", chunk, np.array(data))
    # BSB orders chunks by their ids.
    order = sorted(range(len(CELLS)), key=lambda i: (CELLS[i][0].id, i))
    assert order == list(range(len(CELLS)))
    for label in ("a", "b"):
        placed.label([label], [i for i, cell in enumerate(CELLS) if label in cell[1]])
    return placed


def chosen(chunks: list[Chunk] | None, labels: list[str] | None) -> list[tuple[int, Cell]]:
    """The cells that filters keep, with their numbers in the whole set."""
    ids = None if chunks is None else {chunk.id for chunk in chunks}
    return [
        (number, cell)
        for number, cell in enumerate(CELLS)
        if (ids is None or cell[0].id in ids)
        and (labels is None or bool({*labels} & {*cell[1]}) or (not labels and not cell[1]))
    ]


def test_all_that_is_loaded_is_of_the_cells_that_filters_keep(cells: Any) -> None:
    for chunks, labels in itertools.product(CHUNKS, LABELS):
        if chunks is not None:
            cells.set_chunk_filter(chunks)
        cells.set_label_filter(labels)
        check_loaded(cells, chunks, labels)


def check_loaded(cells: Any, chunks: list[Chunk] | None, labels: list[str] | None) -> None:
    kept = chosen(chunks, labels)
    assert len(kept) == len(cells)
    assert [number for number, _ in kept] == cells.load_ids().tolist()
    assert [[cell[3]] * 3 for _, cell in kept] == cells.load_positions().tolist()
    names = [cell[2] for _, cell in kept]
    found = cells.load_morphologies(allow_empty=True)
    assert [name for name in names if name] == [found.names[i] for i in found.get_indices()]
    if None in names or chunks == [NEVER]:
        missing = f"{names.count(None)} of {len(names)} cells of 'granule' have no morphology;"
        text = missing if any(names) else "cells of 'granule' have no morphologies"
        with pytest.raises(DataNotFoundError, match=text):
            cells.load_morphologies()
    else:
        assert names == [found.names[i] for i in cells.load_morphologies().get_indices()]
    each = [(position[0], stored and stored.meta["name"]) for position, stored in cells]
    assert [(cell[3], cell[2]) for _, cell in kept] == each
    if {cell[2] for _, cell in kept} == {None}:
        with pytest.raises(DataNotFoundError, match="'granule' have no rotations"):
            cells.load_rotations()
    else:
        angles = [each.as_euler("xyz", degrees=True)[0] for each in cells.load_rotations()]
        assert [cell[4] for _, cell in kept] == pytest.approx(angles)
    data = [cell[5] for _, cell in kept if cell[5] is not None]
    stored = cells.load_additional("k")
    assert data == stored[~np.isnan(stored)].tolist()
    assert ["k"] == list(cells.load_additional())


def test_chunks_are_counted_whatever_the_filters(cells: Any) -> None:
    cells.set_chunk_filter([FAR])
    cells.set_label_filter(["a"])
    assert {str(NEAR.id): 3, str(FAR.id): 2, str(BARE.id): 2} == cells.get_chunk_stats()
    assert [NEAR.id, FAR.id, BARE.id] == [each.id for each in cells.get_all_chunks()]


LOCAL: list[tuple[list[Chunk] | None, list[int], list[int]]] = [
    (None, [6, 0, 3], [6, 0, 3]),
    (None, [], []),
    ([NEAR], [0, 2, 5], [0, 2]),
    ([FAR, BARE], [6, 3, 0, 5], [3, 0, 2]),
    ([FAR, BARE], [False, True, True, False, True, True, False], [1, 2]),
    ([FAR], [0, 1], [False, False]),
    ([NEAR], [], [False, False, False]),
]


def test_numbers_become_those_within_the_chunks(cells: Any) -> None:
    for chunks, ids, local in LOCAL:
        if chunks is not None:
            cells.set_chunk_filter(chunks)
        found = cells.convert_to_local(ids)
        assert local == found.tolist()
        assert (bool if local and local[0] is False else int) == found.dtype
        for wrong, error in (([7], CellIdError), ([-1], CellIdError), ([True] * 6, LabelError)):
            with pytest.raises(error):
                cells.convert_to_local(wrong)


def test_morphologies_that_are_not_stored_are_refused_if_cells_have_them(cells: Any) -> None:
    storage = Storage("memory", cells._engine.root)
    stored = [storage.morphologies.preload("m")]
    gone = [*stored, storage.morphologies.save("gone", morphology_of("one branch"))]
    storage.morphologies.remove("gone")
    before = len(cells)
    with pytest.raises(MorphologyNotFoundError, match="can't have the morphology 'gone'") as found:
        cells.append_data(NEAR, np.ones((2, 3)), morphologies=MorphologySet(gone, [0, 1]))
    assert "gone" == found.value.fields["asked"]
    assert before == len(cells)
    cells.append_data(NEAR, np.ones((2, 3)), morphologies=MorphologySet(gone, [0, 0]))
    assert before + 2 == len(cells)


def test_cells_that_are_refused_settle_no_size_of_chunks(tmp_path: Path) -> None:
    storage = Storage("memory", str(tmp_path / "network"))
    cells = storage.require_placement_set(cell_type("granule"))
    small, large = (Chunk((0, 0, 0), (size,) * 3) for size in (5, 50))
    gone = storage.morphologies.save("gone", morphology_of("one branch"))
    storage.morphologies.remove("gone")
    with pytest.raises(MorphologyNotFoundError):
        cells.append_data(small, np.ones((1, 3)), morphologies=MorphologySet([gone], [0]))
    cells.append_data(large, np.ones((1, 3)))
    with pytest.raises(ChunkSizeError):
        cells.append_data(small, np.ones((1, 3)))
    assert [[50.0] * 3] == [each.dimensions.tolist() for each in cells.get_all_chunks()]


@pytest.mark.parametrize(
    ("gone", "left"), [([NEAR], [3, 4, 5, 6]), ([BARE, FAR], [0, 1, 2]), (None, []), ([], None)]
)
def test_cells_of_some_chunks_are_cleared(
    cells: Any, gone: list[Chunk] | None, left: list[float] | None
) -> None:
    cells.clear(gone)
    expected = list(range(7)) if left is None else left
    assert expected == cells.load_positions()[:, 0].tolist()


class Codes:
    """The codes of a chunk in a classic file, below two groups, of which the upper says more."""

    def __init__(self, text: object) -> None:
        self.parent = self
        self.attrs = {} if text is None else {"labelsets": text}


def test_codes_of_a_file_stand_for_the_label_sets_of_its_set() -> None:
    found = encode_labels([1, 0], Codes('{"0": [], "1": ["x", "y"]}'))
    assert [["x", "y"], []] == [sorted(each) for each in found.walk()]
    assert [1, 0] == np.asarray(found).tolist()
    assert [[]] == [sorted(each) for each in encode_labels([0], Codes(None)).walk()]
    for wrong in ("[", "[]", "5"):
        with pytest.raises(CorruptNetworkError, match="'labelsets' can't be read"):
            encode_labels([0], Codes(wrong))
    assert [[], []] == [sorted(each) for each in encode_labels([3, 4], None).walk()]
