"""Tables have the rows that the sets load."""

from __future__ import annotations

import numpy as np
import pytest
from bsb import Chunk, MorphologySet

from bsb_hdf5.errors import InputError
from bsb_hdf5.queries import group_text, matrix, to_frame
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, morphology_of
from tests.unit.queries.networks import FILTERS, TAGS, TYPES, Sample

pytestmark = pytest.mark.usefixtures("_pieces")


def test_a_row_for_each_cell(sample: Sample) -> None:
    for filters in FILTERS:
        for name, each in zip(TYPES, filters, strict=True):
            kept = sample.kept(name, each)
            table = to_frame(sample.placement(name, each))
            assert kept == table.index.tolist()
            cells = [sample.cells[name][i] for i in kept]
            positions = [list(cell.position) for cell in cells]
            assert positions == table[["x", "y", "z"]].to_numpy().tolist()
            assert [",".join(sorted(cell.labels)) for cell in cells] == table["labels"].tolist()
            coordinates = table[["chunk_x", "chunk_y", "chunk_z"]].to_numpy().tolist()
            ids = [int(Chunk(each, CHUNK_SIZE).id) for each in coordinates]
            assert [cell.chunk for cell in cells] == ids


def test_what_only_some_cells_have(own_sample: Sample) -> None:
    sample = own_sample
    sample.storage.morphologies.save("m", morphology_of("one branch"))
    loaders = [sample.storage.morphologies.preload("m")]
    golgi = sample.placement("golgi")
    # The chunk whose cells come last, so that they are the last rows.
    chunk = Chunk((1000, 1000, 1000), CHUNK_SIZE)
    assert int(chunk.id) > max(cell.chunk for cell in sample.cells["golgi"])
    golgi.append_data(
        chunk,
        np.ones((2, 3)),
        morphologies=MorphologySet(loaders, np.array([0, 0])),
        rotations=np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        additional={"weight": np.array([7.0, 8.0]), "pair": np.array([[1.0, 2.0], [3.0, 4.0]])},
    )
    table = to_frame(golgi)
    before = len(sample.cells["golgi"])
    assert ["m", "m"] == table["morphology"].tolist()[before:]
    assert [7.0, 8.0] == table["weight"].tolist()[before:]
    assert table["weight"][:before].isna().all()
    assert [[1.0, 2.0], [3.0, 4.0]] == table[["pair_0", "pair_1"]].to_numpy().tolist()[before:]
    axes = ["rotation_x", "rotation_y", "rotation_z"]
    assert [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] == table[axes].to_numpy().tolist()[before:]


def test_data_with_the_name_of_another_column_has_a_longer_name(own_sample: Sample) -> None:
    golgi = own_sample.placement("golgi")
    chunk = Chunk((1000, 1000, 1000), CHUNK_SIZE)
    values = {"x": 4.0, "labels": 5.0, "labels_": 6.0, "rotation_x": 7.0, "cell": 8.0}
    more = {key: np.array([value]) for key, value in values.items()}
    golgi.append_data(chunk, np.ones((1, 3)), additional=more)
    last = to_frame(golgi).iloc[-1]
    assert [1.0, ""] == last[["x", "labels"]].tolist()
    longer = {"x_": 4.0, "labels_": 5.0, "labels__": 6.0, "rotation_x_": 7.0, "cell_": 8.0}
    assert longer == {name: last[name] for name in last.index if name.endswith("_")}


def test_a_row_for_each_connection(sample: Sample) -> None:
    names = ["pre", "pre_branch", "pre_point", "post", "post_branch", "post_point"]
    for tag, types in TAGS.items():
        for filters in FILTERS:
            pre, post = map(sample.placement, types, filters)
            table = to_frame(sample.connectivity(tag), pre=pre, post=post)
            expected = sorted([*a, *b] for a, b in sample.between(tag, *filters))
            assert expected == sorted(table[names].to_numpy().tolist())


def test_a_matrix_with_its_groups(sample: Sample) -> None:
    found = matrix(sample.storage, by="label")
    table = to_frame(found)
    assert list(map(group_text, found.pre)) == table.index.tolist()
    assert list(map(group_text, found.post)) == table.columns.tolist()
    assert found.values.tolist() == table.to_numpy().tolist()


def test_anything_else_is_refused() -> None:
    with pytest.raises(InputError, match="a PlacementSet, ConnectivitySet or Matrix is needed"):
        to_frame(3)  # type: ignore[arg-type]
