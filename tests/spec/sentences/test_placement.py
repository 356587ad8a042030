"""What the specification and BSB say of placement sets."""

from __future__ import annotations

import numpy as np
import pytest
from bsb import (
    DatasetExistsError,
    DatasetNotFoundError,
    LabellingError,
    MorphologySet,
    RotationSet,
)

from bsb_hdf5.placement_set import encode_labels
from tests.compat.walk.world import CELLS, World, cell_type, chunk, grid
from tests.spec.holds import holds

PS = "bsb_hdf5.placement_set.PlacementSet"


@holds(PS, f"{PS}.tag", f"{PS}.cell_type")
def test_a_set_is_fetched_by_its_cell_type(world: World) -> None:
    cells = world.PlacementSet(world.engine, cell_type("a"))
    assert "a" == cells.tag == cells.cell_type.name
    assert CELLS == len(cells)
    with pytest.raises(DatasetNotFoundError):
        world.PlacementSet(world.engine, cell_type("unknown"))


@holds(f"{PS}.create", f"{PS}.exists")
def test_create_makes_the_structure_of_a_set_once(world: World) -> None:
    assert not world.PlacementSet.exists(world.engine, cell_type("new"))
    assert 0 == len(world.PlacementSet.create(world.engine, cell_type("new")))
    assert world.PlacementSet.exists(world.engine, cell_type("new"))
    with pytest.raises(DatasetExistsError):
        world.PlacementSet.create(world.engine, cell_type("new"))


@holds(f"{PS}.require")
def test_require_makes_a_set_that_is_not_there_and_returns_it(world: World) -> None:
    for _ in range(2):
        assert "new" == world.PlacementSet.require(world.engine, cell_type("new")).tag
    assert CELLS == len(world.PlacementSet.require(world.engine, cell_type("a")))


@holds(f"{PS}.append_data")
def test_append_data_stores_all_kinds_of_data(world: World) -> None:
    world.cells("silent").append_data(
        chunk(3),
        positions=grid(2),
        morphologies=world.morphology_set(["twig", "stub"], [1, 0]),
        rotations=RotationSet(grid(2, start=5)),
        additional={"size": np.array([0.5, 1.5])},
    )
    cells = world.cells("silent")
    assert grid(2).tolist() == cells.load_positions().tolist()
    assert grid(2, start=5).tolist() == np.asarray(cells.load_rotations()).tolist()
    assert [0.5, 1.5] == cells.load_additional("size").tolist()
    morphologies = cells.load_morphologies()
    assert ["stub", "twig"] == [
        morphologies.names[index] for index in morphologies.get_indices().tolist()
    ]


@holds(f"{PS}.append_data", f"{PS}.append_entities")
def test_a_count_places_entities_and_excludes_positions(world: World) -> None:
    world.cells("silent").append_data(chunk(0), count=2)
    world.cells("silent").append_entities(chunk(0), 3)
    assert 5 == len(world.cells("silent"))
    with pytest.raises(ValueError):
        world.cells("silent").append_data(chunk(0), positions=grid(2), count=2)
    assert 5 == len(world.cells("silent"))


@holds(f"{PS}.append_entities")
def test_entities_can_have_additional_data(world: World) -> None:
    world.cells("silent").append_entities(chunk(0), 2, additional={"rate": np.array([1.0, 2.0])})
    assert [1.0, 2.0] == world.cells("silent").load_additional("rate").tolist()


@holds(f"{PS}.append_additional")
def test_additional_data_is_appended_by_name_and_chunk(world: World) -> None:
    world.cells("a").append_additional("depth", chunk(1), np.array([0.25, 0.75]))
    assert [0.25, 0.75] == world.cells("a", [chunk(1)]).load_additional("depth").tolist()


@holds(f"{PS}.load_additional")
def test_additional_data_is_loaded_by_key_or_whole(world: World) -> None:
    cells = world.cells("a")
    weights = [0.0, 1.0, 2.0, 0.0, 1.0]
    assert weights == cells.load_additional("weight").tolist()
    assert {"weight": weights} == {k: v.tolist() for k, v in cells.load_additional().items()}


@holds(f"{PS}.load_positions")
def test_positions_are_rows_of_three_in_the_order_of_ids(world: World) -> None:
    positions = world.cells("a").load_positions()
    assert [*grid(3).tolist(), *grid(2, start=10).tolist()] == positions.tolist()
    assert grid(2, start=10).tolist() == world.cells("a", [chunk(1)]).load_positions().tolist()


@holds(f"{PS}.load_rotations")
def test_rotations_are_a_set_and_missing_ones_raise(world: World) -> None:
    rotations = world.cells("a").load_rotations()
    assert isinstance(rotations, RotationSet)
    assert CELLS == len(rotations)
    with pytest.raises(DatasetNotFoundError):
        world.cells("b").load_rotations()


@holds(f"{PS}.load_morphologies", f"{PS}.count_morphologies")
def test_morphologies_are_a_set_and_missing_ones_raise_unless_allowed(world: World) -> None:
    morphologies = world.cells("a").load_morphologies()
    assert isinstance(morphologies, MorphologySet)
    assert CELLS == len(morphologies)
    assert 2 == world.cells("a").count_morphologies()
    with pytest.raises(DatasetNotFoundError):
        world.cells("b").load_morphologies()
    assert 0 == len(world.cells("b").load_morphologies(allow_empty=True))


@holds(f"{PS}.load_ids")
def test_ids_number_the_cells_of_the_whole_set(world: World) -> None:
    assert [0, 1, 2, 3, 4] == world.cells("a").load_ids().tolist()
    assert [3, 4] == world.cells("a", [chunk(1)]).load_ids().tolist()
    assert [0, 3] == world.cells("a", None, ["core"]).load_ids().tolist()


@holds(f"{PS}.convert_to_local")
def test_global_ids_become_ids_within_the_loaded_chunks(world: World) -> None:
    assert [1, 4] == list(world.cells("a").convert_to_local([1, 4]))
    assert [0, 1] == world.cells("a", [chunk(1)]).convert_to_local([3, 4]).tolist()
    assert [1] == world.cells("a", [chunk(1)]).convert_to_local([0, 4]).tolist()


@holds(f"{PS}.get_all_chunks", f"{PS}.get_chunk_stats")
def test_chunks_are_listed_and_counted(world: World) -> None:
    cells = world.cells("a")
    assert [chunk(0), chunk(1)] == cells.get_all_chunks()
    stats = {int(id_): count for id_, count in cells.get_chunk_stats().items()}
    assert {int(chunk(0).id): 3, int(chunk(1).id): 2} == stats


@holds(f"{PS}.clear")
def test_clear_removes_all_cells_or_those_of_some_chunks(world: World) -> None:
    world.cells("a").clear([chunk(0)])
    assert [chunk(1)] == world.cells("a").get_all_chunks()
    assert 2 == len(world.cells("a"))
    world.cells("a").clear()
    assert 0 == len(world.cells("a"))


@holds(f"{PS}.label", f"{PS}.get_labelled", f"{PS}.get_label_mask")
def test_labelled_cells_are_found_by_id_and_by_mask(world: World) -> None:
    world.cells("a").label(["new", "other"], [1, 4])
    assert [1, 4] == world.cells("a").get_labelled(["new"]).tolist()
    mask = world.cells("a").get_label_mask(["other"])
    assert bool == mask.dtype
    assert [False, True, False, False, True] == mask.tolist()


@holds(f"{PS}.get_labelled", f"{PS}.get_label_mask")
def test_an_empty_list_of_labels_finds_the_cells_without(world: World) -> None:
    assert [2, 4] == world.cells("a").get_labelled([]).tolist()
    assert [False, False, True, False, True] == world.cells("a").get_label_mask([]).tolist()


@holds(f"{PS}.label", f"{PS}.remove_labels")
@pytest.mark.parametrize("method", ["label", "remove_labels"])
def test_ids_of_no_cells_are_a_labelling_error(world: World, method: str) -> None:
    for ids in ([CELLS], [-1]):
        with pytest.raises(LabellingError):
            getattr(world.cells("a"), method)(["core"], ids)
    assert [0, 3] == world.cells("a").get_labelled(["core"]).tolist()


@holds(f"{PS}.remove_labels")
def test_labels_are_removed_from_cells(world: World) -> None:
    world.cells("a").remove_labels(["core"], [3])
    assert [0] == world.cells("a").get_labelled(["core"]).tolist()
    assert [1, 3] == world.cells("a").get_labelled(["rim"]).tolist()


@holds(f"{PS}.label_by_mask", f"{PS}.remove_labels_by_mask")
def test_cells_are_labelled_by_masks(world: World) -> None:
    mask = np.array([True, False, False, False, True])
    world.cells("a").label_by_mask(["new"], mask)
    assert [0, 4] == world.cells("a").get_labelled(["new"]).tolist()
    world.cells("a").remove_labels_by_mask(["new"], ~mask)
    assert [0, 4] == world.cells("a").get_labelled(["new"]).tolist()
    world.cells("a").remove_labels_by_mask(["new"], mask)
    assert [] == world.cells("a").get_labelled(["new"]).tolist()


@holds(f"{PS}.label_by_mask", f"{PS}.remove_labels_by_mask")
@pytest.mark.parametrize("method", ["label_by_mask", "remove_labels_by_mask"])
def test_a_mask_that_does_not_fit_is_a_labelling_error(world: World, method: str) -> None:
    with pytest.raises(LabellingError):
        getattr(world.cells("a"), method)(["core"], np.array([True]))


@holds(f"{PS}.get_unique_labels")
def test_unique_labels_are_the_sets_of_labels_that_cells_have(world: World) -> None:
    found = sorted(sorted(labels) for labels in world.cells("a").get_unique_labels())
    assert [[], ["core"], ["core", "rim"], ["rim"]] == found


@holds(f"{PS}.set_label_filter", f"{PS}.get_label_filter")
def test_a_label_filter_restricts_what_is_loaded(world: World) -> None:
    cells = world.cells("a")
    assert cells.get_label_filter() is None
    cells.set_label_filter(["rim"])
    assert ["rim"] == list(cells.get_label_filter())
    assert [1, 3] == cells.load_ids().tolist()
    assert 2 == len(cells) == len(cells.load_positions()) == len(cells.load_rotations())


@holds(f"{PS}.set_chunk_filter", f"{PS}.chunk_context")
def test_a_chunk_filter_restricts_what_is_loaded(world: World) -> None:
    cells = world.cells("a")
    with cells.chunk_context([chunk(0)]):
        assert 3 == len(cells)
    cells.set_chunk_filter([chunk(1)])
    assert 2 == len(cells)


@holds(f"{PS}.set_morphology_label_filter")
def test_a_filter_of_morphology_labels_restricts_what_is_loaded_of_them(world: World) -> None:
    cells = world.cells("a")
    cells.set_morphology_label_filter(["dendrites"])
    loaded = cells.load_morphologies().get(1)
    assert grid(3).tolist() == loaded.points.tolist()


@holds(f"{PS}.load_boxes", f"{PS}.load_box_tree")
def test_each_cell_has_a_box_of_its_morphology_at_its_place(world: World) -> None:
    boxes = list(world.cells("a").load_boxes())
    assert CELLS == len(boxes)
    assert {6} == {len(box) for box in boxes}
    tree = world.cells("a").load_box_tree()
    assert all(cell in found for cell, found in enumerate(tree.query(boxes)))


@holds("bsb_hdf5.placement_set.encode_labels")
def test_codes_without_dataset_are_labels_of_nothing() -> None:
    labels = encode_labels(np.zeros(3, dtype=int), None)
    assert [set(), set(), set()] == [set(each) for each in labels.walk()]
