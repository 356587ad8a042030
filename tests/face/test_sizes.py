"""Files stay small: for large networks, and when the same things are written again and again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, Configuration, Storage

from bsb_hdf5 import ConnectivitySet, PlacementSet
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    morphology,
    morphology_set,
    on_soma,
    positions,
)

MEGABYTE = 10**6
CELLS_PER_CHUNK = 75
GRID = [(x, y, z) for z in range(2) for y in range(6) for x in range(6)]


def bytes_of(classic: int, columnar: int) -> dict[str, int]:
    """How many bytes a file may take, by its layout."""
    return {"classic": classic, "columnar": columnar}


def size_of(storage: Storage) -> int:
    return Path(storage.root).stat().st_size


def place_column(storage: Storage, name: str, bottom: int) -> PlacementSet:
    """5,400 cells in 72 chunks, appended chunk by chunk."""
    cells: PlacementSet = storage.require_placement_set(cell_type(name))
    rng = np.random.default_rng(bottom)
    for x, y, z in GRID:
        target = chunk(x, y, z + bottom)
        cells.append_data(target, target.ldc + 100 * rng.random((CELLS_PER_CHUNK, 3)))
    return cells


def connect_with_fixed_indegree(
    storage: Storage, pre: PlacementSet, post: PlacementSet, indegree: int
) -> ConnectivitySet:
    """Each postsynaptic cell gets so many random partners, chunk by chunk, as BSB does it."""
    cs: ConnectivitySet = storage.require_connectivity_set(
        pre.cell_type, post.cell_type, f"indegree {indegree}"
    )
    rng = np.random.default_rng(indegree)
    total = len(pre)
    for target in post.get_all_chunks():
        with post.chunk_context([target]):
            count = len(post)
            src = np.full((count * indegree, 3), -1)
            dest = np.full((count * indegree, 3), -1)
            src[:, 0] = np.concatenate(
                [rng.choice(total, indegree, replace=False) for _ in range(count)]
            )
            dest[:, 0] = np.repeat(np.arange(count), indegree)
            cs.connect(pre, post, src, dest)
    return cs


@pytest.mark.slow
def test_a_network_of_135_000_connections_takes_at_most_20_megabytes_or_2_in_columns(
    storage: Storage, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lower, upper = place_column(storage, "lower", 0), place_column(storage, "upper", 1)
    many = connect_with_fixed_indegree(storage, lower, upper, 20)
    few = connect_with_fixed_indegree(storage, upper, lower, 5)
    with capsys.disabled():
        print(f"\n135,000 connections: {size_of(storage) / MEGABYTE:.1f} MB", end=" ")
    assert [5_400, 5_400] == [len(lower), len(upper)]
    assert [108_000, 27_000] == [len(many), len(few)]
    loaded = sum(
        len(many.load_local_connections("out", local)[0]) for local in many.get_local_chunks("out")
    )
    assert 108_000 == loaded
    assert size_of(storage) <= bytes_of(20 * MEGABYTE, 2 * MEGABYTE)[layout]


@pytest.mark.slow
def test_1_728_chunks_of_50_cells_take_at_most_15_megabytes_or_3_in_columns(
    storage: Storage, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    rows = positions(50)

    def place(z: int) -> int:
        """A layer of 144 chunks; how many bytes it takes."""
        before = size_of(storage)
        for i in range(144):
            cells.append_data(Chunk((i % 12, i // 12, z), (100, 100, 100)), rows)
        return size_of(storage) - before

    first = place(0)
    for z in range(1, 11):
        # Each session of the classic layout notes all chunks again, which takes long.
        with storage.write_scope() if layout == "classic" else nullcontext():
            place(z)
    last = place(11)
    with capsys.disabled():
        print(f"\n1,728 chunks of 50 cells: {size_of(storage) / MEGABYTE:.1f} MB", end=" ")
    assert 86_400 == len(cells)
    assert size_of(storage) <= bytes_of(15 * MEGABYTE, 3 * MEGABYTE)[layout]
    # What is noted of the chunks before with each call leaks no space either.
    assert last <= 1.25 * first


def relabel(network: SmallNetwork, i: int) -> None:
    change = network.b.label if i % 2 else network.b.remove_labels
    change(["again"], [0, 3, 5])


def store_configuration(network: SmallNetwork, i: int) -> None:
    regions: dict[str, Any] = {f"region {i % 7}": {"children": []}}
    network.storage.store_active_config(Configuration.default(regions=regions))


def connect_again(network: SmallNetwork, i: int) -> None:
    network.ab.connect(network.a, network.b, on_soma(i % 5), on_soma(i % 7))


def append_again(network: SmallNetwork, i: int) -> None:
    network.b.append_data(chunk(i % 3), positions(1))


def append_with_morphology(network: SmallNetwork, i: int) -> None:
    morphologies = morphology_set(network.storage, ["stub"], [0])
    network.a.append_data(chunk(i % 2), positions(1), morphologies=morphologies)


# What is written, and how many bytes it may add to a classic file, and to a columnar one.
REPEATED: dict[str, tuple[Callable[[SmallNetwork, int], Any], dict[str, int]]] = {
    # In columns, a checksum of the rows is noted with each.
    "labels": (relabel, bytes_of(40_000, 15_000)),
    "a configuration": (store_configuration, bytes_of(60_000, 60_000)),
    "a morphology": (
        lambda n, i: n.storage.morphologies.save("stub", morphology(4 + i % 3), overwrite=True),
        bytes_of(150_000, 115_000),
    ),
    "metadata": (
        lambda n, i: n.storage.morphologies.update_all_meta({"stub": {"x": 10 ** (i % 9)}}),
        bytes_of(40_000, 10_000),
    ),
    "all metadata": (
        lambda n, i: n.storage.morphologies.set_all_meta({"stub": {"x": 10 ** (i % 9)}}),
        bytes_of(40_000, 10_000),
    ),
    "a text": (
        lambda n, i: n.storage.files.store("text" * (i % 50), "note", overwrite=True),
        bytes_of(60_000, 40_000),
    ),
    "bytes": (
        lambda n, i: n.storage.files.store(b"bytes" * (i % 50), "blob", overwrite=True),
        bytes_of(60_000, 40_000),
    ),
    "cells": (append_again, bytes_of(60_000, 15_000)),
    "cells with a morphology": (append_with_morphology, bytes_of(60_000, 22_000)),
    "connections": (connect_again, bytes_of(100_000, 15_000)),
    "a column": (
        lambda n, i: n.b._position_chunks.overwrite(chunk(0), positions(4, float(i))),
        bytes_of(40_000, 10_000),
    ),
    "a state": (lambda n, i: n.storage._engine._bump_state(), bytes_of(20_000, 5_000)),
}


@pytest.mark.parametrize("one_scope", [False, True], ids=["call by call", "in one scope"])
@pytest.mark.parametrize("what", REPEATED)
def test_what_is_written_100_times_does_not_leak_file_space(
    small: SmallNetwork, what: str, one_scope: bool
) -> None:
    write, most = REPEATED[what]
    write(small, 0)
    before = size_of(small.storage)
    if one_scope:
        with small.storage.write_scope():
            for i in range(1, 101):
                write(small, i)
    else:
        for i in range(1, 101):
            write(small, i)
    assert size_of(small.storage) - before <= most[small.layout]


def test_a_scope_that_raises_takes_no_file_space(small: SmallNetwork) -> None:
    before = size_of(small.storage)
    with pytest.raises(ZeroDivisionError), small.storage.write_scope():
        small.b.append_data(chunk(0), np.zeros((200_000, 3)))
        raise ZeroDivisionError
    assert before == size_of(small.storage)


def test_what_is_cleared_makes_room_for_what_is_placed_next(small: SmallNetwork) -> None:
    rows = positions(5_000)
    for _ in range(3):
        with small.storage.write_scope():
            small.b.clear()
            small.b.append_data(chunk(0), rows)
    before = size_of(small.storage)
    for _ in range(5):
        with small.storage.write_scope():
            small.b.clear()
            small.b.append_data(chunk(0), rows)
    assert size_of(small.storage) - before <= 2 * rows.nbytes
