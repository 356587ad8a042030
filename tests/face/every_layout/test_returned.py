"""What is returned is what 8.0.2 returns, where that makes sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.connectivity_set import CSIterator
from bsb_hdf5.errors import InputError
from bsb_hdf5.placement_set import encode_labels
from tests.compat.walk.records import record
from tests.compat.walk.world import World, chunk, twig


@pytest.mark.parametrize("update_meta", [True, False])
def test_a_saved_morphology_is_what_is_loaded(world: World, update_meta: bool) -> None:
    saved = world.morphologies.save("new", twig(), update_meta=update_meta)
    assert world.morphologies.load("new") == saved.load()
    if update_meta:
        assert record(world.morphologies.get_meta("new")) == record(saved.load().meta)
        assert record(world.morphologies.load("new").meta) == record(saved.load().meta)
        assert "mouse" == saved.load().meta["species"]


def test_chunks_of_connections_are_of_unknown_size(world: World) -> None:
    cs = world.connections("a_to_b")
    found = [*cs.get_local_chunks("inc"), *cs.get_global_chunks("inc", chunk(0))]
    found += [each for _, *chunks, _ in cs.flat_iter_connections() for each in chunks]
    assert found
    for each in found:
        assert () == each._size.shape
        assert np.isnan(each._size)


def test_chunks_that_were_given_keep_their_size(world: World) -> None:
    cs = world.connections("a_to_b")
    (found,) = cs.flat_iter_connections("inc", [chunk(0)], [chunk(0)])
    assert [chunk(0)._size.tolist()] * 2 == [each._size.tolist() for each in found[1:3]]


def test_an_iterator_gives_chunks_in_the_containers_of_8_0_2(world: World) -> None:
    cs = world.connections("a_to_b")
    iterator = CSIterator(cs)
    assert cs.get_local_chunks("inc") == iterator.get_local_iter("inc", None)
    assert cs.get_global_chunks("inc", chunk(0)) == iterator.get_global_iter("inc", chunk(0), None)
    for given in (
        iterator.get_local_iter("inc", chunk(0)),
        iterator.get_global_iter("inc", chunk(0), chunk(0)),
    ):
        assert isinstance(given, tuple)
        assert (chunk(0),) == given
    assert [0] == [int(each.id) for each in iterator.get_local_iter("inc", [chunk(0)])]


def test_a_number_of_cells_may_be_a_float_that_is_whole(world: World) -> None:
    world.cells("entities").append_entities(chunk(0), 2.0)
    assert 8 == len(world.cells("entities"))


@pytest.mark.parametrize("mask", [[True, False, True, False, True], np.zeros(5, dtype=bool)])
def test_a_mask_of_cells_is_converted_as_their_numbers_are(world: World, mask: Any) -> None:
    cells = world.cells("a")
    assert np.flatnonzero(mask).tolist() == cells.convert_to_local(mask).tolist()


def test_label_codes_of_no_set_stand_for_no_labels() -> None:
    found = encode_labels([1, 0, 2], None)
    assert [0, 0, 0] == found.tolist()
    assert {0: set()} == {code: set(labels) for code, labels in found.labels.items()}


def test_label_codes_are_read_with_the_dataset_of_a_classic_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cells.hdf5", "w") as file:
        group = file.create_group("placement/a")
        codes = group.create_dataset("0/labels", data=[1, 0])
        assert [set(), set()] == [set(each) for each in encode_labels([0, 0], codes).walk()]
        group.attrs["labelsets"] = '{"0": [], "1": ["core"]}'
        found = encode_labels(codes, codes)
    assert [1, 0] == found.tolist()
    assert [{"core"}, set()] == [set(each) for each in found.walk()]


def test_statistics_count_chunks_that_hold_something(world: World) -> None:
    world.cells("a").clear([chunk(1)])
    world.connections("a_to_b").clear()
    world.cells("a").require_chunk(chunk(7))
    stats = world.storage.get_chunk_stats()
    assert {"0", "2"} == set(stats)
    assert {"placed": 13, "connections": {"inc": 2, "out": 2}} == stats["0"]
    assert {"placed": 3, "connections": {"inc": 0, "out": 0}} == stats["2"]
    assert {"0": 3, "7": 0} == {
        key: count for key, count in world.cells("a").get_chunk_stats().items() if key in "07"
    }


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((), {"id": "new", "meta": {"a": 1}}),
        (("new",), {"meta": {"a": 1}}),
        (("new", {"a": 1}), {}),
        (({"a": 1}, "new"), {}),
        (({"a": 1},), {"id": "new"}),
    ],
)
def test_a_file_is_stored_in_the_order_of_either_interface(
    world: World, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    assert "new" == world.files.store("text", *arguments, **keywords)
    assert 1 == world.files.get_meta("new")["a"]
    assert "text" == world.files.load("new")[0]


def test_an_id_without_a_text_is_made_where_the_meta_is_given_by_name(world: World) -> None:
    id_ = world.files.store("text", None, meta={"a": 1})
    assert 1 == world.files.get_meta(id_)["a"]


@pytest.mark.parametrize("arguments", [({"a": 1},), ("new", None), ("new", {"a": 1})])
def test_two_metas_are_one_too_many(world: World, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        world.files.store("text", *arguments, meta={"b": 2})


@pytest.mark.parametrize("count", [2**63, 2**62, 2**53])
def test_more_cells_than_can_be_counted_are_refused(world: World, count: int) -> None:
    entities = world.cells("entities")
    before = len(entities)
    with world.storage.write_scope():
        entities.append_entities(chunk(0), 2)
        with pytest.raises(InputError, match=rf"'entities' has {before + 2} cells and can't have"):
            entities.append_entities(chunk(1), count)
        with pytest.raises(InputError, match="holds at most 9007199254740992"):
            entities.append_data(chunk(0), count=count)
        entities.append_entities(chunk(0), 1)
    assert before + 3 == len(entities)
    most = 2**53 - len(entities)
    entities.append_entities(chunk(1), most)
    assert 2**53 == len(entities)
    entities.clear([chunk(1)])
    assert before + 3 == len(entities)
