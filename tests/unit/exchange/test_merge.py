"""A merged network has the cells and connections of all, in the order of the networks."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from bsb import Chunk, MorphologySet, Storage

from bsb_hdf5 import diff, engine_of, merge, open_storage, verify
from bsb_hdf5.errors import (
    ChunkSizeError,
    FileStoredError,
    InputError,
    LengthError,
    MorphologyExistsError,
    SetTypeError,
    StoreExistsError,
    UnknownContentError,
)
from bsb_hdf5.queries import to_frame
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type, described, morphology_of
from tests.unit.queries.networks import NEEDS_ZARR, TAGS, TYPES, Sample, new_storage, random_network

CHUNK = Chunk((0, 0, 0), CHUNK_SIZE)


def numbered(folder: Path, number: int) -> Path:
    path = folder / str(number)
    path.mkdir()
    return path


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Three networks in either layout."""
    kinds = ("classic", "columnar", "memory")
    return [
        random_network(new_storage(kind, numbered(tmp_path, seed)), seed)
        for seed, kind in enumerate(kinds, start=1)
    ]


@pytest.fixture
def pair(tmp_path: Path) -> list[Storage]:
    """Two empty networks."""
    return [new_storage("columnar", numbered(tmp_path, number)) for number in (8, 9)]


def places(samples: list[Sample], name: str) -> list[tuple[int, int]]:
    """Network and number there of each cell of the merged network, in order."""
    every = [
        (cell.chunk, which, number)
        for which, sample in enumerate(samples)
        for number, cell in enumerate(sample.cells[name])
    ]
    return [(which, number) for _, which, number in sorted(every)]


@pytest.mark.parametrize(
    ("engine", "layout"), [("hdf5", "classic"), ("hdf5", "columnar"), ("memory", None)]
)
def test_cells_and_connections_are_those_of_all(
    samples: list[Sample], engine: str, layout: str | None, tmp_path: Path
) -> None:
    root = str(tmp_path / "merged")
    merged = merge([each.storage for each in samples], root, engine=engine, layout=layout)
    assert not verify(merged)
    numbers = {}
    for name in TYPES:
        order = places(samples, name)
        numbers[name] = {place: i for i, place in enumerate(order)}
        cells = [samples[which].cells[name][number] for which, number in order]
        table = to_frame(merged.get_placement_set(cell_type(name)))
        assert [list(each.position) for each in cells] == table[["x", "y", "z"]].to_numpy().tolist()
        assert [",".join(sorted(each.labels)) for each in cells] == table["labels"].tolist()
    names = ["pre", "pre_branch", "pre_point", "post", "post_branch", "post_point"]
    for tag, (pre, post) in TAGS.items():
        expected = sorted(
            [numbers[pre][which, a[0]], *a[1:], numbers[post][which, b[0]], *b[1:]]
            for which, sample in enumerate(samples)
            for a, b in sample.connections[tag]
        )
        table = to_frame(merged.get_connectivity_set(tag))
        assert expected == sorted(table[names].to_numpy().tolist())


def test_it_is_a_separate_network(samples: list[Sample], tmp_path: Path) -> None:
    merged = merge([each.storage for each in samples], tmp_path / "merged.hdf5")
    ids = {engine_of(each.storage).storage_id for each in samples}
    assert engine_of(merged).storage_id not in ids
    (chunk, *_) = merged.get_placement_set(cell_type("golgi")).get_all_chunks()
    assert CHUNK_SIZE == tuple(chunk.dimensions)


def test_morphologies_and_files_that_are_the_same_are_kept_once(
    pair: list[Storage], tmp_path: Path
) -> None:
    for storage in pair:
        storage.morphologies.save("m", morphology_of("labelled"))
        storage.morphologies.update_all_meta({"m": {"name": "m", "at": np.array([1, 2])}})
        storage.files.store("text", {"of": "mine"}, "id")
    merged = merge(pair, tmp_path / "merged.hdf5")
    assert ["m"] == [each.name for each in merged.morphologies.all()]
    assert ["id"] == list(merged.files.all())
    assert "text" == merged.files.load("id")[0]
    loaded = merged.morphologies.load("m")
    assert described(morphology_of("labelled")) == described(loaded)
    assert [1, 2] == merged.morphologies.get_meta("m")["at"].tolist()


def with_morphologies(storage: Storage, shape: str) -> None:
    storage.morphologies.save("m", morphology_of(shape))
    cells = storage.require_placement_set(cell_type("granule"))
    loaders = [storage.morphologies.preload("m")]
    cells.append_data(CHUNK, np.ones((2, 3)), morphologies=MorphologySet(loaders, np.array([0, 0])))


def test_other_morphologies_of_one_name_are_refused_or_renamed(
    pair: list[Storage], tmp_path: Path
) -> None:
    for storage, shape in zip(pair, ("one branch", "two branches"), strict=True):
        with_morphologies(storage, shape)
    with pytest.raises(MorphologyExistsError, match="the morphology 'm' differs between"):
        merge(pair, tmp_path / "merged.hdf5")
    assert not (tmp_path / "merged.hdf5").exists()
    merged = merge(pair, tmp_path / "merged.hdf5", rename=True)
    found = merged.get_placement_set(cell_type("granule")).load_morphologies()
    assert ["m", "m", "m_2", "m_2"] == [found.names[i] for i in found.get_indices()]
    for name, shape in (("m", "one branch"), ("m_2", "two branches")):
        assert described(morphology_of(shape)) == described(merged.morphologies.load(name))


def test_other_files_of_one_id_are_refused_or_renamed(pair: list[Storage], tmp_path: Path) -> None:
    for storage, text in zip(pair, ("a", "b"), strict=True):
        storage.files.store(text, {}, "id")
    with pytest.raises(FileStoredError, match="the file 'id'"):
        merge(pair, tmp_path / "merged.hdf5")
    merged = merge(pair, tmp_path / "merged.hdf5", rename=True)
    assert ("a", "b") == (merged.files.load("id")[0], merged.files.load("id_2")[0])


@pytest.mark.parametrize("other", [("b", "a"), ("a", "c"), ("c", "b")])
def test_sets_of_one_tag_between_other_types_are_refused_or_renamed(
    pair: list[Storage], tmp_path: Path, other: tuple[str, str]
) -> None:
    for storage, types in zip(pair, (("a", "b"), other), strict=True):
        for name in types:
            storage.require_placement_set(cell_type(name)).append_data(CHUNK, count=1)
        pre, post = map(cell_type, types)
        cs = storage._ConnectivitySet.require(storage._engine, pre, post, "tag")
        cs.chunk_connect(CHUNK, CHUNK, [(0, -1, -1)], [(0, -1, -1)])
    with pytest.raises(SetTypeError, match="the connectivity set 'tag'"):
        merge(pair, tmp_path / "merged.hdf5")
    merged = merge(pair, tmp_path / "merged.hdf5", rename=True)
    sets = {cs.tag: (cs.pre_type_name, cs.post_type_name) for cs in merged.get_connectivity_sets()}
    assert {"tag": ("a", "b"), "tag_2": other} == sets


def test_the_first_configuration_is_that_of_the_network(
    pair: list[Storage], tmp_path: Path
) -> None:
    import bsb

    for storage, name in zip(pair, ("first", "second"), strict=True):
        storage.store_active_config(bsb.Configuration.default(name=name))
    merged = merge(pair, tmp_path / "merged.hdf5")
    assert "first" == merged.load_active_config().name
    names = sorted(json.loads(merged.files.load(id_)[0])["name"] for id_ in merged.files.all())
    assert ["first", "second"] == names


def test_cells_with_and_without_morphology_in_one_chunk_are_refused(
    pair: list[Storage], tmp_path: Path
) -> None:
    pair[0].require_placement_set(cell_type("granule")).append_data(CHUNK, np.ones((1, 3)))
    with_morphologies(pair[1], "one branch")
    for sources, layout in itertools.product((pair, pair[::-1]), ("classic", "columnar")):
        with pytest.raises(LengthError, match=r"morphologies for \d cells"):
            merge(sources, tmp_path / "merged.hdf5", layout=layout)
    assert not (tmp_path / "merged.hdf5").exists()


def test_chunks_of_other_sizes_are_refused(pair: list[Storage], tmp_path: Path) -> None:
    for storage, size in zip(pair, (10, 20), strict=True):
        cells = storage.require_placement_set(cell_type("granule"))
        cells.append_data(Chunk((0, 0, 0), (size, size, size)), np.ones((1, 3)))
    with pytest.raises(ChunkSizeError, match="only networks of the same chunk size"):
        merge(pair, tmp_path / "merged.hdf5")


def test_what_a_layout_does_not_know_is_refused_or_left_out(
    pair: list[Storage], tmp_path: Path
) -> None:
    import h5py

    with h5py.File(pair[1].root, "r+") as file:
        file["mine"] = [1, 2]
    with pytest.raises(UnknownContentError, match="mine"):
        merge(pair, tmp_path / "merged.hdf5")
    merge(pair, tmp_path / "merged.hdf5", drop_unknown=True)
    assert open_storage(tmp_path / "merged.hdf5")


@NEEDS_ZARR
def test_what_lies_in_the_folder_of_a_network_is_refused_or_left_out(
    pair: list[Storage], tmp_path: Path
) -> None:
    storage = new_storage("zarr", numbered(tmp_path, 10))
    (Path(storage.root) / "mine.txt").write_text("mine")
    with pytest.raises(UnknownContentError, match=r"mine\.txt.*drop_unknown"):
        merge([pair[0], storage], tmp_path / "merged.hdf5")
    assert not (tmp_path / "merged.hdf5").exists()
    merge([pair[0], storage], tmp_path / "merged.hdf5", drop_unknown=True)
    assert open_storage(tmp_path / "merged.hdf5")


@pytest.mark.parametrize("sources", [[], ["one"], "network.hdf5", Path("network.hdf5"), None])
def test_less_than_two_networks_are_refused(sources: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two or more networks"):
        merge(sources, tmp_path / "merged.hdf5")


def test_networks_may_be_given_one_after_the_other(pair: list[Storage], tmp_path: Path) -> None:
    made = merge(iter(pair), tmp_path / "merged.hdf5")
    assert [] == diff(made, merge(pair, tmp_path / "again.hdf5"))


def test_what_is_at_the_target_stays(pair: list[Storage], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StoreExistsError):
        merge(pair, tmp_path / "taken")
    assert "mine" == (tmp_path / "taken").read_text()


def test_labels_of_cells_are_translated_in_pieces_of_any_size(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    from bsb_hdf5.exchange.transfer import Portion

    sources = [each.storage for each in samples]
    whole = merge(sources, tmp_path / "whole.hdf5")
    small = attrs.evolve(Portion(), cells=1, connections=1)
    module = importlib.import_module("bsb_hdf5.exchange.merge")
    monkeypatch.setattr(module, "Portion", lambda: small)
    assert [] == diff(whole, merge(sources, tmp_path / "pieces.hdf5"))
