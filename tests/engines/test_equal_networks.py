"""One configuration, compiled with one seed on every engine, gives one network."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Scaffold, Storage, parse_configuration_file

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.testing.network_samples import described

EXAMPLE = Path(__file__).parents[2] / "examples" / "cerebellar_column"
REFERENCE = "hdf5, classic"
COMPONENTS = "cerebellar_column"
# What says when, where and by whom something was stored.
OF_THE_STORAGE = {"mtime"}

Contents = dict[str, Any]
ContentsOf = Callable[[str], Contents]


def on_hdf5(folder: Path, layout: str) -> Storage:
    storage = Storage("hdf5", NetworkRoot(folder / f"{layout}.hdf5", layout))
    assert layout == storage._engine.layout
    return storage


STORAGES: dict[str, Callable[[Path], Storage]] = {
    REFERENCE: lambda folder: on_hdf5(folder, "classic"),
    "hdf5, columnar": lambda folder: on_hdf5(folder, "columnar"),
    "memory": lambda folder: Storage("memory", f"equal networks {folder}"),
    "zarr": lambda folder: Storage("zarr", str(folder / "network.zarr")),
}
NEEDS_ZARR = pytest.mark.skipif(
    importlib.util.find_spec("zarr") is None, reason="the package zarr is not installed"
)
OTHERS = [
    pytest.param(name, marks=NEEDS_ZARR if name == "zarr" else ())
    for name in STORAGES
    if name != REFERENCE
]


def small_column() -> Any:
    """The configuration of the example, of a ninth of its ground, in chunks that are smaller."""
    configuration = parse_configuration_file(str(EXAMPLE / "network.json"))
    network = configuration.network
    network.x = network.y = 100
    network.chunk_size = [50, 50, 100]
    configuration.after_placement["zebrin_stripes"].borders = [30, 70]
    configuration.after_placement["lateral_margin"].edge_width = 20
    return configuration


@pytest.fixture(scope="module")
def contents_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContentsOf]:
    """What is stored when the column is compiled on an engine; once for each."""
    folder = tmp_path_factory.mktemp("equal")

    @cache
    def contents_of(engine: str) -> Contents:
        with pytest.MonkeyPatch.context() as patch:
            # BSB looks for morphologies and components from where it runs.
            patch.chdir(EXAMPLE)
            patch.syspath_prepend(str(EXAMPLE))
            network = Scaffold(small_column(), STORAGES[engine](folder))
            network.compile()
        return contents(network)

    yield contents_of
    sys.modules.pop(COMPONENTS, None)


def contents(network: Scaffold) -> Contents:
    """All that can be loaded, but for what names the storage."""
    return {
        "cells": {cells.tag: _cells(cells) for cells in network.get_placement_sets()},
        "connections": {cs.tag: _connections(cs) for cs in network.get_connectivity_sets()},
        "totals": network.storage.get_chunk_stats(),
        "morphologies": _morphologies(network.storage),
        "files": _files(network.storage),
    }


def _cells(cells: Any) -> Contents:
    morphologies = cells.load_morphologies()
    held = [frozenset(labels) for labels in cells.get_unique_labels()]
    return {
        "chunks": [chunk.tolist() for chunk in cells.get_all_chunks()],
        "chunk size": [chunk.dimensions.tolist() for chunk in cells.get_all_chunks()],
        "counts": cells.get_chunk_stats(),
        "positions": cells.load_positions(),
        "rotations": np.asarray(cells.load_rotations()),
        "morphologies": [morphologies.names[i] for i in morphologies.get_indices()],
        # Hooks that do not depend on each other label in any order.
        "label sets": sorted(sorted(labels) for labels in held),
        "labels": {
            label: cells.get_label_mask([label]) for label in sorted(frozenset().union(*held))
        },
        "additional": cells.load_additional(),
    }


def _connections(cs: Any) -> Contents:
    return {
        "types": (cs.pre_type_name, cs.post_type_name),
        "count": len(cs),
        "chunks": cs.get_chunk_stats(),
        "blocks": [
            (direction, int(local.id), int(far.id), near, remote)
            for direction, local, far, (near, remote) in cs.flat_iter_connections()
        ],
        "by local chunk": {
            f"{direction} {int(local.id)}": cs.load_local_connections(direction, local)
            for direction in ("inc", "out")
            for local in cs.get_local_chunks(direction)
        },
    }


def _morphologies(storage: Storage) -> Contents:
    repository = storage.morphologies
    return {
        name: {
            "meta": _without(meta, OF_THE_STORAGE),
            "branches": described(repository.load(name)),
        }
        for name, meta in repository.get_all_meta().items()
    }


def _files(storage: Storage) -> Contents:
    """Files by where they come from: ids are unique to a storage."""
    found = {}
    for id_ in storage.files.all():
        content, meta = storage.files.load(id_)
        meta = _without(meta, OF_THE_STORAGE)
        if meta.get("active_config"):
            # It names its engine and root, which its checksum covers.
            content = _without(json.loads(content), {"storage"})
            meta = _without(meta, {"content_sha256"})
        found[str(meta.get("source", meta.get("meta")))] = {"content": content, "meta": meta}
    assert len(found) == len(storage.files.all())
    return found


def _without(meta: Any, names: set[str]) -> Contents:
    return {name: value for name, value in meta.items() if name not in names}


def assert_equal(expected: Any, found: Any, where: str) -> None:
    """Equal types and values, in the same order but for the keys of dictionaries."""
    assert type(expected) is type(found), where
    if isinstance(expected, dict):
        assert sorted(expected) == sorted(found), where
        for key, value in expected.items():
            assert_equal(value, found[key], f"{where}: {key}")
    elif isinstance(expected, list | tuple):
        assert len(expected) == len(found), where
        for i, (left, right) in enumerate(zip(expected, found, strict=True)):
            assert_equal(left, right, f"{where}[{i}]")
    elif isinstance(expected, np.ndarray):
        assert (expected.dtype, expected.shape) == (found.dtype, found.shape), where
        np.testing.assert_array_equal(found, expected, err_msg=where, strict=True)
    else:
        assert expected == found, where


@pytest.mark.parametrize("engine", OTHERS)
def test_the_network_is_that_of_the_classic_layout_value_for_value(
    contents_of: ContentsOf, engine: str
) -> None:
    expected, found = contents_of(REFERENCE), contents_of(engine)
    for part in expected:
        assert_equal(expected[part], found[part], part)


def test_the_network_has_everything_that_is_to_be_equal(contents_of: ContentsOf) -> None:
    found = contents_of(REFERENCE)
    assert {"golgi_cell", "basket_cell", "stellate_cell"} == set(found["cells"])
    for cells in found["cells"].values():
        assert len(cells["chunks"]) > 3
        assert {"zebrin_negative", "zebrin_positive", "edge"} == set(cells["labels"])
        assert all(mask.any() and not mask.all() for mask in cells["labels"].values())
        assert {"lateral_margin", "pial_depth"} == set(cells["additional"])
        assert np.ptp(cells["rotations"], axis=0).any()
    assert 6 == len(found["connections"])
    for connections in found["connections"].values():
        assert connections["count"] > 0
        assert {"inc", "out"} == {block[0] for block in connections["blocks"]}
    assert 3 == len(found["morphologies"])
    assert 5 == len(found["files"])
