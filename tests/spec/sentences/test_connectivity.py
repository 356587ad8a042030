"""What the specification and BSB say of connectivity sets."""

from __future__ import annotations

import pytest
from bsb import DatasetNotFoundError

from bsb_hdf5.connectivity_set import CSIterator, LocationOutOfBoundsError, get_dir_iter
from tests.compat.walk.world import World, cell_type, chunk, on_soma
from tests.spec.holds import holds

CS = "bsb_hdf5.connectivity_set.ConnectivitySet"
ITERATOR = "bsb_hdf5.connectivity_set.CSIterator"
OF_BSB = "bsb.storage.interfaces.ConnectivityIterator"

BLOCKS = [
    ("inc", 0, 0, 2),
    ("inc", 2, 1, 2),
    ("out", 0, 0, 2),
    ("out", 1, 2, 2),
]
"""Direction, local and global chunk, and connections of ``a_to_b``, block by block."""


@holds(
    CS,
    "bsb_hdf5.ConnectivitySet.tag",
    f"{CS}.pre_type",
    f"{CS}.post_type",
    f"{CS}.exists",
    f"{CS}.get_tags",
)
def test_sets_are_found_by_tag(world: World) -> None:
    assert ["a_to_a", "a_to_b", "void"] == sorted(world.ConnectivitySet.get_tags(world.engine))
    assert world.ConnectivitySet.exists(world.engine, "a_to_b")
    assert not world.ConnectivitySet.exists(world.engine, "unknown")
    found = world.ConnectivitySet(world.engine, "a_to_b")
    assert ("a_to_b", "a", "b") == (found.tag, found.pre_type_name, found.post_type_name)
    assert 4 == len(found)
    with pytest.raises(DatasetNotFoundError):
        world.ConnectivitySet(world.engine, "unknown")


@holds(
    "bsb_hdf5.ConnectivitySet.pre_type_name",
    "bsb_hdf5.ConnectivitySet.post_type_name",
    f"{CS}.pre_type",
    f"{CS}.post_type",
)
def test_a_set_that_is_made_has_its_cell_types(world: World) -> None:
    pre, post = cell_type("b"), cell_type("a")
    made = world.ConnectivitySet.create(world.engine, pre, post, tag="new")
    assert (pre, post) == (made.pre_type, made.post_type)
    assert ("b", "a") == (made.pre_type_name, made.post_type_name)


@holds(f"{CS}.create", f"{CS}.require")
def test_the_tag_is_made_of_the_types_if_none_is_given(world: World) -> None:
    types = cell_type("b"), cell_type("a")
    assert "b_to_a" == world.ConnectivitySet.create(world.engine, *types).tag
    assert "b_to_a" == world.ConnectivitySet.require(world.engine, *types).tag


@holds(f"{CS}.require")
def test_require_gets_or_makes_a_set(world: World) -> None:
    types = cell_type("a"), cell_type("b")
    assert 4 == len(world.ConnectivitySet.require(world.engine, *types, tag="a_to_b"))
    assert 0 == len(world.ConnectivitySet.require(world.engine, *types, tag="new"))
    with pytest.raises(ValueError):
        world.ConnectivitySet.require(world.engine, *reversed(types), tag="a_to_b")


@holds(f"{CS}.connect")
def test_connect_takes_ids_for_the_rank_of_cells_in_the_sets(world: World) -> None:
    void = world.between_types("void")
    void.connect(world.cells("b"), world.cells("a"), on_soma(5, 0), on_soma(4, 2))
    pre, post = void.load_connections().as_globals().all()
    assert sorted([(5, 4), (0, 2)]) == sorted(
        zip(pre[:, 0].tolist(), post[:, 0].tolist(), strict=True)
    )


@holds(f"{CS}.chunk_connect")
def test_chunk_connect_takes_ids_for_the_rank_of_cells_in_the_chunks(world: World) -> None:
    void = world.between_types("void")
    void.chunk_connect(chunk(2), chunk(1), on_soma(2), on_soma(1))
    pre, post = void.load_connections().as_globals().all()
    assert ([6], [4]) == (pre[:, 0].tolist(), post[:, 0].tolist())


@holds(f"{CS}.connect", "bsb_hdf5.connectivity_set.LocationOutOfBoundsError")
def test_locations_outside_the_sets_raise(world: World) -> None:
    with pytest.raises(LocationOutOfBoundsError):
        world.connections("a_to_b").connect(
            world.cells("a"), world.cells("b"), on_soma(0), on_soma(99)
        )
    assert 4 == len(world.connections("a_to_b"))


@holds("bsb_hdf5.connectivity_set.LocationOutOfBoundsError")
def test_the_error_is_an_exception_like_any_other() -> None:
    assert ("text",) == LocationOutOfBoundsError("text").args


@holds(f"{CS}.clear")
def test_clear_removes_all_connections(world: World) -> None:
    world.connections("a_to_b").clear()
    assert 0 == len(world.connections("a_to_b"))
    assert 2 == len(world.connections("a_to_a"))


@holds(f"{CS}.get_chunk_stats")
def test_statistics_count_connections_in_and_out_of_chunks(world: World) -> None:
    stats = world.connections("a_to_b").get_chunk_stats()
    counts = {int(id_): (each["inc"], each["out"]) for id_, each in stats.items()}
    assert {0: (2, 2), 1: (0, 2), 2: (2, 0)} == counts


@holds(f"{CS}.get_local_chunks", f"{CS}.get_global_chunks")
def test_chunks_are_listed_by_direction(world: World) -> None:
    found = world.connections("a_to_b")
    assert [chunk(0), chunk(2)] == found.get_local_chunks("inc")
    assert [chunk(0), chunk(1)] == found.get_local_chunks("out")
    assert [chunk(1)] == found.get_global_chunks("inc", chunk(2))
    assert [] == found.get_global_chunks("inc", chunk(7))


@holds(f"{CS}.load_block_connections")
def test_a_block_is_a_pair_of_local_and_global_locations(world: World) -> None:
    local, far = world.connections("a_to_b").load_block_connections("inc", chunk(2), chunk(1))
    assert on_soma(0, 2).tolist() == local.tolist()
    assert on_soma(0, 1).tolist() == far.tolist()


@holds(f"{CS}.load_local_connections")
def test_local_connections_come_with_the_id_of_each_global_chunk(world: World) -> None:
    local, chunks, far = world.connections("a_to_b").load_local_connections("out", chunk(1))
    assert on_soma(0, 1).tolist() == local.tolist()
    assert [int(chunk(2).id)] * 2 == chunks.tolist()
    assert on_soma(0, 2).tolist() == far.tolist()


def flat(iterator: object) -> list[tuple[str, int, int, int]]:
    return [
        (direction, int(local[0]), int(far[0]), len(here))
        for direction, local, far, (here, _) in iterator  # type: ignore[attr-defined]
    ]


@holds(f"{CS}.flat_iter_connections")
def test_flat_iteration_yields_each_block_with_its_direction_and_chunks(world: World) -> None:
    found = world.connections("a_to_b")
    assert BLOCKS == flat(found.flat_iter_connections())
    assert BLOCKS[:2] == flat(found.flat_iter_connections("inc"))
    assert BLOCKS[1:2] == flat(found.flat_iter_connections("inc", local_=chunk(2)))
    assert BLOCKS[3:] == flat(found.flat_iter_connections(global_=chunk(2)))[-1:]


@holds(f"{CS}.nested_iter_connections", ITERATOR)
def test_nested_iteration_has_a_loop_for_each_axis_that_is_not_fixed(world: World) -> None:
    found = world.connections("a_to_b")
    nested = [
        (direction, int(local[0]), int(far[0]), len(here))
        for direction, locals_ in found.nested_iter_connections()
        for local, globals_ in locals_
        for far, (here, _) in globals_
    ]
    assert BLOCKS == nested
    pinned = found.nested_iter_connections("inc", chunk(2))
    assert [(1, 2)] == [(int(far[0]), len(here)) for far, (here, _) in pinned]


@holds(f"{ITERATOR}.get_local_iter", f"{ITERATOR}.get_global_iter")
def test_an_iterator_lists_the_chunks_of_its_axes(world: World) -> None:
    iterator = CSIterator(world.connections("a_to_b"))
    assert [chunk(0), chunk(2)] == list(iterator.get_local_iter("inc", None))
    assert [chunk(2)] == list(iterator.get_local_iter("inc", chunk(2)))
    assert [chunk(1)] == list(iterator.get_global_iter("inc", chunk(2), None))
    assert [chunk(0)] == list(iterator.get_global_iter("inc", chunk(2), [chunk(0)]))


@holds("bsb_hdf5.connectivity_set.get_dir_iter")
def test_without_direction_there_are_both() -> None:
    assert ("inc", "out") == tuple(get_dir_iter(None))
    assert ("out",) == tuple(get_dir_iter("out"))


@holds(f"{CS}.load_connections", f"{OF_BSB}.all", f"{OF_BSB}.as_globals", f"{OF_BSB}.as_scoped")
def test_all_connections_are_loaded_by_chunk_or_by_global_id(world: World) -> None:
    found = world.between_types("a_to_b").load_connections()
    assert 4 == len(found)
    pre, post = found.as_globals().all()
    pairs = sorted(zip(pre[:, 0].tolist(), post[:, 0].tolist(), strict=True))
    assert [(0, 0), (1, 1), (3, 4), (4, 6)] == pairs
    assert 4 == len(found.as_scoped().all()[0])


@holds(f"{OF_BSB}.from_", f"{OF_BSB}.to", f"{OF_BSB}.incoming", f"{OF_BSB}.outgoing")
def test_connections_are_restricted_to_chunks_and_a_direction(world: World) -> None:
    found = world.between_types("a_to_b").load_connections()
    assert 2 == len(found.from_([chunk(1)]).all()[0])
    assert 2 == len(found.to([chunk(2)]).all()[0])
    for way in (found.incoming(), found.outgoing()):
        assert 4 == len(way.all()[0])


@holds(f"{OF_BSB}.chunk_iter")
def test_blocks_are_iterated_with_their_chunks(world: World) -> None:
    blocks = list(world.between_types("a_to_b").load_connections().chunk_iter())
    assert [(0, 2, 0), (1, 2, 2)] == [
        (int(pre[0]), len(here), int(post[0])) for pre, here, post, _ in blocks
    ]
