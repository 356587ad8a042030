"""Connectivity sets: reading in more than one batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import CellType, Chunk, Storage

from bsb_hdf5.errors import LengthError
from bsb_hdf5.placement_set import PlacementSet
from tests.face.layouts import new_storage
from tests.face.samples import cell_type

CHUNKS = [Chunk((i, 0, 0), (100.0, 100.0, 100.0)) for i in range(4)]


@pytest.fixture(params=["classic", "columnar", "memory", "zarr"])
def connected(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    root = tmp_path / "network"
    engine = request.param if request.param in ("memory", "zarr") else None
    storage = Storage(engine, str(root)) if engine else new_storage(root, request.param)
    cells = storage.require_placement_set(cell_type("a"))
    for chunk in CHUNKS:
        cells.append_data(chunk, np.zeros((5, 3)))
    connections = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loop")
    pairs = np.random.default_rng(0).integers(0, 15, (60, 2))
    connections.connect(cells, cells, pairs[:, 0], pairs[:, 1])
    return connections


def listed(iteration: Any) -> list[Any]:
    return [
        (way, near.id, far.id, locals_.tolist(), globals_.tolist())
        for way, near, far, (locals_, globals_) in iteration
    ]


@pytest.mark.parametrize("most", [1, 2, 7, 20])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"local_": CHUNKS[1]},
        {"local_": CHUNKS[1:]},
        {"global_": CHUNKS[0]},
        {"global_": CHUNKS[:2]},
        {"local_": CHUNKS[:2], "global_": CHUNKS[1:]},
    ],
    ids=["all", "a local", "locals", "a global", "globals", "both"],
)
def test_batches_of_any_size_read_the_same(
    connected: Any, monkeypatch: pytest.MonkeyPatch, most: int, chosen: dict[str, Any]
) -> None:
    for direction in (None, "inc", "out"):
        whole = listed(connected.flat_iter_connections(direction, **chosen))
        with monkeypatch.context() as patch:
            patch.setattr("bsb_hdf5.connection_blocks._ROWS_AT_ONCE", most)
            assert whole == listed(connected.flat_iter_connections(direction, **chosen))
        assert whole


def test_a_global_chunk_alone_restricts_every_local_one(connected: Any) -> None:
    for direction in ("inc", "out"):
        every = listed(connected.flat_iter_connections(direction))
        found = listed(connected.flat_iter_connections(direction, global_=CHUNKS[1]))
        held = [each for each in every if each[2] == CHUNKS[1].id]
        assert held == [each for each in found if each[3]]


def test_chunks_that_were_given_are_returned_with_their_size(connected: Any) -> None:
    for given in ({"local_": CHUNKS[:2]}, {"global_": CHUNKS[:2]}):
        found = list(connected.flat_iter_connections("out", **given))
        at = 1 if "local_" in given else 2
        assert found
        assert {(100.0, 100.0, 100.0)} == {tuple(each[at].dimensions) for each in found}


def test_cell_types_are_those_that_a_scaffold_gives(connected: Any) -> None:
    found = type(connected)(connected._engine, "loop")
    assert (None, None) == (found.pre_type, found.post_type)
    assert ("a", "a", "loop") == (found.pre_type_name, found.post_type_name, found.tag)
    types = cell_type("a"), CellType(name="a", spatial={"radius": 1, "density": 1})
    for made in (type(connected).require, type(connected).create):
        tag = made.__name__
        given = made(connected._engine, *types, tag)
        assert types == (given.pre_type, given.post_type)
        assert tag == given.tag


@pytest.mark.parametrize("ends", [([], [0]), ([0], []), ([0, 1], [0])])
def test_locations_that_do_not_pair_up_are_refused_even_if_there_are_none(
    connected: Any, ends: tuple[list[int], list[int]]
) -> None:
    cells = PlacementSet(connected._engine, cell_type("a"))
    before = len(connected)
    with pytest.raises(LengthError, match="do not pair up"):
        connected.connect(cells, cells, *ends)
    with pytest.raises(LengthError, match="do not pair up"):
        connected.chunk_connect(CHUNKS[0], CHUNKS[1], *ends)
    assert before == len(connected)
