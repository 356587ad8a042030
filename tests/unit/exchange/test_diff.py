"""Networks that are equal have no differences, and each change is one."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from bsb import Chunk, MorphologySet, Storage

from bsb_hdf5 import convert, diff
from bsb_hdf5.errors import InputError, StoreNotFoundError
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type, morphology_of
from tests.unit.queries.networks import NEEDS_ZARR, Sample, new_storage, random_network

diff_module = importlib.import_module("bsb_hdf5.exchange.diff")
CHUNK = Chunk((0, 0, 0), CHUNK_SIZE)
KINDS = ("classic", "columnar", "memory", pytest.param("zarr", marks=NEEDS_ZARR))


def save(storage: Storage, shape: str, at: float) -> None:
    """Store a morphology and its metadata."""
    storage.morphologies.save("m", morphology_of(shape), overwrite=True, update_meta=False)
    storage.morphologies.update_all_meta({"m": {"name": "m", "at": np.array([at])}})


def network(storage: Storage) -> Sample:
    """A network with something of everything."""
    sample = random_network(storage, 2)
    save(storage, "labelled", 1.5)
    loaders = [storage.morphologies.preload("m")]
    cells = storage.require_placement_set(cell_type("stellate"))
    cells.append_data(
        CHUNK,
        np.arange(9.0).reshape(3, 3),
        morphologies=MorphologySet(loaders, np.zeros(3, dtype=int)),
        rotations=np.ones((3, 3)),
        additional={"weight": np.array([1.0, np.nan, 3.0])},
    )
    storage.files.store("text", {"of": "mine"}, "text")
    return sample


@pytest.fixture(params=["classic", "columnar"])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    """The network in a file, in either layout."""
    return network(new_storage(request.param, tmp_path))


@pytest.fixture
def other(sample: Sample, tmp_path: Path) -> Storage:
    """A copy, in the other layout."""
    layout = "columnar" if sample.storage._engine.layout == "classic" else "classic"
    return convert(sample.storage, tmp_path / "copy.hdf5", layout=layout)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_on_any_engine_has_no_differences(sample: Sample, kind: str, tmp_path: Path) -> None:
    engine = kind if kind in ("memory", "zarr") else "hdf5"
    layout = kind if engine == "hdf5" else None
    root = f"diff {tmp_path}" if engine == "memory" else str(tmp_path / "other")
    copy = convert(sample.storage, root, engine=engine, layout=layout)
    assert [] == diff(sample.storage, copy)
    assert [] == diff(copy, str(sample.storage.root))


def stellate(storage: Storage) -> Any:
    return storage.get_placement_set(cell_type("stellate"))


def gap(storage: Storage) -> Any:
    return storage.get_connectivity_set("gap")


def between(storage: Storage) -> tuple[Any, Any]:
    pre, post = (storage.get_placement_set(cell_type(name)) for name in ("granule", "golgi"))
    return pre, post


CHANGES: dict[str, tuple[Callable[[Storage], Any], str, str]] = {
    "a cell": (
        lambda storage: stellate(storage).append_data(Chunk((7, 0, 0), CHUNK_SIZE), count=1),
        "placement",
        "0 and 1 cells",
    ),
    "a chunk without cells": (
        lambda storage: stellate(storage).append_data(Chunk((7, 0, 0), CHUNK_SIZE), count=0),
        "placement",
        "a chunk of the second network only",
    ),
    "a label": (
        lambda storage: stellate(storage).label(["new"], [1]),
        "placement",
        "labels of 1 of 3 cells",
    ),
    "additional data": (
        lambda storage: stellate(storage).append_additional("more", CHUNK, np.ones(3)),
        "placement",
        "additional data of 'stellate' of the second network only",
    ),
    "a type": (
        lambda storage: storage.require_placement_set(cell_type("basket")),
        "placement",
        "cells of the second network only",
    ),
    "a connection": (
        lambda storage: gap(storage).connect(*between(storage), [[0, 0, 0]], [[0, 0, 0]]),
        "connectivity",
        "connections",
    ),
    "a set": (
        lambda storage: storage.get_connectivity_set("between golgi").remove(),
        "connectivity",
        "set of the first network only",
    ),
    "a morphology": (
        lambda storage: storage.morphologies.save("n", morphology_of("one branch")),
        "morphologies",
        "morphology of the second network only",
    ),
    "the points of a morphology": (
        lambda storage: save(storage, "two branches", 1.5),
        "morphologies",
        "points, branches, labels or properties",
    ),
    "metadata of a morphology": (
        lambda storage: save(storage, "labelled", 2.5),
        "morphologies",
        "metadata",
    ),
    "a file": (
        lambda storage: storage.files.store("other", {"of": "mine"}, "text", overwrite=True),
        "files",
        "content: 4 and 5 bytes",
    ),
    "metadata of a file": (
        lambda storage: storage.files.store("text", {"of": "yours"}, "text", overwrite=True),
        "files",
        "encoding or metadata",
    ),
}


@pytest.mark.parametrize("title", sorted(CHANGES))
def test_each_change_is_a_difference(sample: Sample, other: Storage, title: str) -> None:
    change, part, what = CHANGES[title]
    change(other)
    found = diff(sample.storage, other)
    assert found
    assert any(part == each.part and what in each.what for each in found), found


def test_cells_of_a_chunk_that_has_more_of_them_are_not_compared(tmp_path: Path) -> None:
    storages = [new_storage(each, tmp_path) for each in ("classic", "columnar")]
    for storage, count in zip(storages, (3, 4), strict=True):
        cells = storage.require_placement_set(cell_type("granule"))
        cells.append_data(CHUNK, np.ones((count, 3)))
    for first, second, what in ((0, 1, "3 and 4 cells"), (1, 0, "4 and 3 cells")):
        (found,) = diff(storages[first], storages[second])
        assert ("'granule', chunk [0, 0, 0]", what) == (found.where, found.what)


def test_values_of_columns_are_compared(sample: Sample, tmp_path: Path) -> None:
    changed: dict[str, dict[str, Any]] = {
        "position": {"positions": np.ones((3, 3))},
        "rotation": {"rotations": np.zeros((3, 3))},
        "additional/weight": {"additional": {"weight": np.array([1.0, 2.0, 3.0])}},
        "morphology": {"morphologies": None},
    }
    for number, (title, values) in enumerate(changed.items()):
        copy = convert(sample.storage, tmp_path / f"{number}.hdf5")
        loaders = [copy.morphologies.preload("m")]
        arguments: dict[str, Any] = {
            "positions": np.arange(9.0).reshape(3, 3),
            "morphologies": MorphologySet(loaders, np.zeros(3, dtype=int)),
            "rotations": np.ones((3, 3)),
            "additional": {"weight": np.array([1.0, np.nan, 3.0])},
            **values,
        }
        cells = stellate(copy)
        cells.clear()
        cells.append_data(CHUNK, **arguments)
        (found,) = diff(sample.storage, copy)
        assert ("placement", "'stellate', chunk [0, 0, 0]") == (found.part, found.where)
        assert found.what.startswith(title)


def test_connections_in_another_order_may_be_the_same(tmp_path: Path) -> None:
    storages = [new_storage(each, tmp_path) for each in ("classic", "columnar")]
    for storage, order in zip(storages, ([0, 1, 2], [2, 0, 1]), strict=True):
        cells = storage.require_placement_set(cell_type("granule"))
        cells.append_data(CHUNK, count=3)
        cs = storage._ConnectivitySet.require(storage._engine, *[cell_type("granule")] * 2)
        cs.chunk_connect(CHUNK, CHUNK, [(i, -1, -1) for i in order], [(i, -1, -1) for i in order])
    (found,) = diff(*storages)
    assert "3 connections in another order" == found.what
    assert [] == diff(*storages, ignore_order=True)


def test_chunks_of_other_sizes_are_a_difference(tmp_path: Path) -> None:
    storages = [new_storage(each, tmp_path) for each in ("classic", "columnar")]
    for storage, size in zip(storages, (10, 20), strict=True):
        cells = storage.require_placement_set(cell_type("granule"))
        cells.append_data(Chunk((0, 0, 0), (size, size, size)), np.ones((1, 3)))
    (found,) = diff(*storages)
    assert "network: chunks of size [10.0, 10.0, 10.0] and [20.0, 20.0, 20.0] um" == str(found)


def test_networks_without_chunks_have_no_difference_but_from_those_with(tmp_path: Path) -> None:
    storages = [new_storage(each, tmp_path) for each in ("classic", "columnar", "memory")]
    for storage in storages:
        storage.require_placement_set(cell_type("granule"))
    assert [] == list(diff(*storages[:2]))
    cells = storages[2].get_placement_set(cell_type("granule"))
    cells.append_data(Chunk((0, 0, 0), (10, 10, 10)), np.ones((1, 3)))
    titles = [str(each) for each in diff(*storages[1:])]
    assert "network: chunks of size [nan, nan, nan] and [10.0, 10.0, 10.0] um" == titles[0]


def test_differences_are_found_in_pieces_of_any_size(
    sample: Sample, other: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap(other).connect(*between(other), [[0, 0, 0]], [[0, 0, 0]])
    stellate(other).label(["new"], [1])
    found = diff(sample.storage, other)
    assert 2 == len(found)
    assert found[:1] == diff(sample.storage, other, most=1)
    for most in (0, -1, 1.5, "1"):
        with pytest.raises(InputError, match="most must be"):
            diff(sample.storage, other, most=cast(int, most))
    monkeypatch.setattr(diff_module, "_MOST_CELLS", 1)
    monkeypatch.setattr(diff_module, "_MOST_CONNECTIONS", 1)
    assert found == diff(sample.storage, other)


def test_every_pair_of_random_networks_differs(tmp_path: Path) -> None:
    made = []
    for seed in (1, 2, 3):
        (tmp_path / str(seed)).mkdir()
        made.append(random_network(new_storage("columnar", tmp_path / str(seed)), seed).storage)
    for first, second in itertools.permutations(made, 2):
        assert diff(first, second)


def test_nothing_at_a_root_is_no_network(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        diff(sample.storage, tmp_path / "nothing")
