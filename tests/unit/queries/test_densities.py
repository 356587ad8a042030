"""Cells are counted in the volume that is named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bsb
import pytest
from bsb import Chunk, Configuration, Scaffold, VoxelSet

from bsb_hdf5.core.chunk_id import UNKNOWN_SIZE
from bsb_hdf5.errors import InputError
from bsb_hdf5.queries import density
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import FILTERS, TYPES, Filters, Sample, new_storage

SIDE = 60.0


def layer() -> Any:
    """A partition of the lowest 60 um of 80 um by 90 um."""
    configuration = Configuration.default(
        network={"x": 80, "y": 90, "z": SIDE},
        regions={"region": {"type": "stack", "children": ["layer"]}},
        partitions={"layer": {"type": "layer", "thickness": SIDE}},
        storage={"engine": "memory"},
    )
    return Scaffold(configuration).partitions["layer"]


def test_without_partition_it_is_in_the_chunks_that_have_cells(sample: Sample) -> None:
    for filters in FILTERS:
        for name, each in zip(TYPES, filters, strict=True):
            kept = [sample.cells[name][i] for i in sample.kept(name, each)]
            found = density(sample.placement(name, each))[name]
            volume = math.prod(CHUNK_SIZE) * len({cell.chunk for cell in kept})
            assert len(kept) == found.cells
            assert volume == pytest.approx(found.volume)
            if kept:
                assert len(kept) / volume == pytest.approx(found.per_um3)
                assert found.per_mm3 == pytest.approx(found.per_um3 * 1e9)
            else:
                assert math.isnan(found.per_um3)


def test_there_is_none_of_no_type(engine: str, tmp_path: Path) -> None:
    assert {} == density(new_storage(engine, tmp_path))
    assert {} == density([])


def test_in_a_layer_it_counts_the_cells_that_lie_there(sample: Sample) -> None:
    partition = layer()
    for filters in FILTERS:
        for name, each in zip(TYPES, filters, strict=True):
            kept = [sample.cells[name][i].position for i in sample.kept(name, each)]
            expected = sum(x < 80 and y < 90 and z < SIDE for x, y, z in kept)
            found = density(sample.placement(name, each), partition)[name]
            assert expected == found.cells
            assert 80 * 90 * SIDE == pytest.approx(found.volume)
            assert "partition 'layer'" == found.within


def test_a_layer_has_the_cells_on_its_lower_sides_only(own_sample: Sample) -> None:
    golgi = own_sample.placement("golgi")
    before = density(golgi, layer())["golgi"].cells
    places = [[0.0, 0.0, 0.0], [79.0, 0.0, 59.0], [80.0, 0, 0], [0, 90.0, 0], [0, 0, SIDE]]
    golgi.append_data(Chunk((0, 0, 0), CHUNK_SIZE), places)
    assert before + 2 == density(golgi, layer())["golgi"].cells


class Cubes(bsb.Voxels, classmap_entry="cubes of the test"):  # type: ignore[call-arg]
    """Two voxels of 50 um."""

    def to_voxels(self) -> VoxelSet:
        return VoxelSet([[0, 0, 0], [1, 1, 1]], 50)


def test_in_voxels_it_counts_the_cells_that_lie_there(sample: Sample) -> None:
    voxels = Cubes(name="cubes")
    for name in TYPES:
        places = [cell.position for cell in sample.cells[name]]
        expected = sum(max(each) < 50 or min(each) >= 50 for each in places)
        found = density(sample.storage, voxels)[name]
        assert expected == found.cells
        assert 2 * 50.0**3 == pytest.approx(found.volume)


def test_cells_without_position_lie_nowhere(own_sample: Sample) -> None:
    golgi = own_sample.placement("golgi")
    before = density(golgi, layer())
    golgi.append_entities(Chunk((0, 0, 0), CHUNK_SIZE), 2)
    assert before == density(golgi, layer())


def test_types_without_any_position_lie_nowhere(engine: str, tmp_path: Path) -> None:
    golgi = new_storage(engine, tmp_path).require_placement_set(cell_type("golgi"))
    golgi.append_entities(Chunk((0, 0, 0), CHUNK_SIZE), 2)
    assert 0 == density(golgi, layer())["golgi"].cells
    assert 0 == density(golgi, Cubes(name="cubes"))["golgi"].cells
    assert 2 == density(golgi)["golgi"].cells


def test_a_network_that_does_not_know_its_chunk_size_needs_a_partition(own_sample: Sample) -> None:
    with own_sample.storage.write_scope() as session:
        session.network.set_chunk_size(UNKNOWN_SIZE)
    expected = density(own_sample.storage, layer())
    assert expected["golgi"].cells
    with pytest.raises(InputError, match="does not say how large its chunks are; pass a partition"):
        density(own_sample.storage)
    none = own_sample.placement("golgi", Filters(labels=("never",)))
    assert 0 == density(none)["golgi"].cells


class Sizes(bsb.Voxels, classmap_entry="sizes of the test"):  # type: ignore[call-arg]
    """Voxels of two sizes."""

    def to_voxels(self) -> VoxelSet:
        return VoxelSet([[0, 0, 0], [60, 60, 60]], [[50, 50, 50], [40, 40, 40]], irregular=True)


def test_voxels_of_several_sizes_are_refused(sample: Sample) -> None:
    with pytest.raises(InputError, match="voxels of one size on a grid only"):
        density(sample.storage, Sizes(name="sizes"))


def test_a_partition_without_extent_is_refused(sample: Sample) -> None:
    partition = bsb.Layer(name="own", thickness=SIDE)
    with pytest.raises(InputError, match="'own' has no extent yet: make"):
        density(sample.storage, partition)


def test_another_partition_is_refused(sample: Sample) -> None:
    with pytest.raises(InputError, match=r"a rhomboid, a layer or voxels, such as .*, not 3"):
        density(sample.storage, 3)
