"""One configuration, compiled with one seed on every engine, gives one network."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Scaffold, Storage, parse_configuration_file

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.testing.network_contents import Contents, assert_equal, contents

EXAMPLE = Path(__file__).parents[2] / "examples" / "cerebellar_column"
REFERENCE = "hdf5, classic"
COMPONENTS = "cerebellar_column"
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
