"""The columns of a set, each under a name of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Chunk, Storage

from bsb_hdf5 import PlacementSet
from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
from bsb_hdf5.errors import (
    ChunkSizeError,
    DtypeError,
    InputError,
    LengthError,
    NodeNotFoundError,
    UnknownContentError,
)
from bsb_hdf5.exchange.convert import convert
from bsb_hdf5.maintenance.integrity import verify
from bsb_hdf5.maintenance.repack import repack
from bsb_hdf5.resource import Resource
from tests.face.layouts import new_storage
from tests.face.samples import cell_type


def test_a_set_has_its_columns_and_makes_no_attribute_up(tmp_path: Path) -> None:
    storage = Storage("memory", str(tmp_path / "network"))
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(Chunk((0, 0, 0), (1, 1, 1)), np.ones((2, 3)))
    for name in ("position", "rotation", "morphology", "labels"):
        column = getattr(cells, f"_{name}_chunks")
        assert isinstance(column, ChunkedProperty)
        assert name == column.name
    assert isinstance(cells._additional_chunks, ChunkedCollection)
    assert [[1.0] * 3] * 2 == cells._position_chunks.load().tolist()
    with pytest.raises(AttributeError, match="_other_chunks"):
        cells._other_chunks  # noqa: B018


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
def test_rows_of_additional_data_make_no_cells(engine: str, tmp_path: Path) -> None:
    storage = Storage(engine, str(tmp_path / f"network.{engine}"))
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(FIRST, np.ones((2, 3)))
    with pytest.raises(LengthError, match="2 cells"):
        cells._additional_chunks.append(FIRST, "weight", np.ones(3))
    cells._additional_chunks.append(FIRST, "weight", np.ones(1))
    with pytest.raises(LengthError, match="2 cells"):
        cells._additional_chunks.append(FIRST, "weight", np.ones(2))
    assert 2 == len(cells) == len(cells.load_positions())
    assert [1.0] == cells.load_additional("weight").tolist()


SIZE = (10.0, 10.0, 10.0)
FIRST, SECOND = (Chunk((x, 0, 0), SIZE) for x in (0, 1))


class Mine(
    Resource,
    ChunkLoader,
    properties=(lambda own: ChunkedProperty(own, "size", shape=(0, 2), dtype=float),),
    collections=(lambda own: ChunkedCollection(own, "extras", shape=None, dtype=float),),
):
    """A resource of a user's own that holds data by chunk."""

    _size_chunks: ChunkedProperty
    _extras_chunks: ChunkedCollection

    def __init__(self, storage: Storage, path: str) -> None:
        Resource.__init__(self, storage._engine, path)
        ChunkLoader.__init__(self)


@pytest.fixture(params=["hdf5", "memory", "zarr"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["classic", "columnar", "memory", "zarr"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A storage of any engine and layout, with four cells of type ``A`` in a chunk."""
    name: str = request.param
    if name in ("classic", "columnar"):
        storage = new_storage(tmp_path / "network.hdf5", name)
    else:
        storage = Storage(name, str(tmp_path / "network"))
    storage.require_placement_set(cell_type("A")).append_data(FIRST, np.ones((4, 3)))
    return storage


def cells_of(storage: Storage) -> PlacementSet:
    cells: PlacementSet = storage.require_placement_set(cell_type("A"))
    return cells


@pytest.mark.parametrize("path", ["/mine/A", "/own", "/deep/down/own", "/"])
def test_a_resource_of_ones_own_holds_data_by_chunk(anywhere: Storage, path: str) -> None:
    mine = Mine(anywhere, path)
    mine._size_chunks.append(SECOND, np.ones((1, 2)))
    mine._size_chunks.append(FIRST, [[2, 3]])
    mine._size_chunks.append(FIRST, [[4, 5]])
    mine._extras_chunks.append(FIRST, "key", np.ones(3))
    assert [[2, 3], [4, 5], [1, 1]] == mine._size_chunks.load().tolist()
    assert {"key": [1.0] * 3} == {k: v.tolist() for k, v in mine._extras_chunks.load_all().items()}
    assert [0, SECOND.id] == [each.id for each in mine.get_all_chunks()]
    mine.set_chunk_filter([SECOND])
    assert [[1, 1]] == mine._size_chunks.load().tolist()
    place = f"{path.rstrip('/')}/0"
    held = Resource(anywhere._engine, f"{place}/size")
    assert [[2, 3], [4, 5]] == held.get_dataset().tolist()
    assert ["key"] == Resource(anywhere._engine, f"{place}/extras").keys()
    assert 4 == len(cells_of(anywhere))
    assert () == verify(anywhere).findings


def test_what_is_stored_of_ones_own_can_be_replaced_and_cleared(anywhere: Storage) -> None:
    mine = Mine(anywhere, "/mine/A")
    size, extras = mine._size_chunks, mine._extras_chunks
    size.append(FIRST, np.ones((3, 2)))
    size.overwrite(FIRST, np.zeros((1, 2)))
    assert [[0, 0]] == size.load().tolist()
    size.clear(FIRST)
    assert (0, 2) == size.load().shape
    extras.overwrite(FIRST, [1.0, 2.0], "one")
    extras.append(FIRST, "two", [[3.0, 4.0]])
    assert ["one", "two"] == extras.keys()
    extras.clear(FIRST)
    assert [0, 0] == [len(each) for each in extras.load_all().values()]
    for clear in (size.clear, extras.clear):
        with pytest.raises(NodeNotFoundError):
            clear(SECOND)


def test_nothing_that_was_never_written_is_made_up(anywhere: Storage) -> None:
    mine = Mine(anywhere, "/mine/A")
    assert ([], {}) == (mine._extras_chunks.keys(), mine._extras_chunks.load_all())
    with pytest.raises(KeyError):
        mine.get_all_chunks()
    assert not mine.exists()
    mine.require_chunk(FIRST)
    assert [0] == [each.id for each in mine.get_all_chunks()]
    assert (0, 2) == mine._size_chunks.load().shape


def test_data_of_ones_own_in_a_placement_set_make_no_cells(anywhere: Storage) -> None:
    cells = cells_of(anywhere)
    own = ChunkedProperty(cells, "mine", shape=(0,), dtype=int)
    own.append(FIRST, np.arange(10))
    pairs = ChunkedCollection(cells, "pairs", shape=(0, 2), dtype=int)
    pairs.append(FIRST, "key", np.ones((6, 2)))
    cells._position_chunks.append(FIRST, np.ones((7, 3)), key="other")
    assert list(range(10)) == own.load().tolist()
    assert (["key"], (6, 2)) == (pairs.keys(), pairs.load("key").shape)
    assert (7, 3) == cells._position_chunks.load(key="other").shape
    assert (4, (4, 3)) == (len(cells), cells.load_positions().shape)
    assert {} == cells.load_additional()
    assert () == verify(anywhere).findings
    cells.append_data(FIRST, np.ones((1, 3)))
    assert (5, 10) == (len(cells), len(own.load()))
    cells.clear([FIRST])
    assert (0, 0) == (len(cells), len(own.load()))


@pytest.mark.parametrize("change", ["append", "overwrite"])
def test_a_key_has_one_width_in_all_chunks(anywhere: Storage, change: str) -> None:
    cells = cells_of(anywhere)
    cells.append_data(SECOND, np.ones((2, 3)))
    columns = cells._additional_chunks
    columns.append(FIRST, "pair", np.ones((4, 2)))
    for rows in (np.ones(2), np.ones((2, 3)), np.ones((2, 2, 1))):
        with pytest.raises(InputError, match="pair"):
            getattr(columns, change)(SECOND, key="pair", data=rows)
    columns.append(SECOND, "pair", np.full((2, 2), 3.0))
    assert [[1.0, 1.0]] * 4 + [[3.0, 3.0]] * 2 == cells.load_additional("pair").tolist()


@pytest.mark.parametrize("change", ["append", "overwrite"])
def test_data_of_ones_own_have_chunks_of_the_network(
    change: str, engine: str, tmp_path: Path
) -> None:
    storage = Storage(engine, str(tmp_path / "network"))
    mine = Mine(storage, "/mine")
    getattr(mine._size_chunks, change)(SECOND, np.ones((1, 2)))
    (found,) = mine.get_all_chunks()
    assert (SECOND.id, list(SIZE)) == (found.id, found.dimensions.tolist())
    # A chunk has all columns and collections of its class.
    place = f"/mine/{SECOND.id}"
    assert {"size", "extras"} <= {*(Resource(storage._engine, place).keys() or ())}
    with pytest.raises(ChunkSizeError):
        getattr(mine._size_chunks, change)(Chunk((3, 0, 0), (5, 5, 5)), np.ones((1, 2)))
    assert [SECOND.id] == [each.id for each in mine.get_all_chunks()]


@pytest.mark.parametrize("change", ["append", "overwrite"])
@pytest.mark.parametrize("name", ["position", "additional"])
def test_columns_of_cells_have_chunks_of_the_network(
    name: str, change: str, anywhere: Storage
) -> None:
    cells = cells_of(anywhere)
    column: Any = getattr(cells, f"_{name}_chunks")
    rows, key = np.zeros((4, 3)), "weight" if name == "additional" else None
    for x in (0, 3):
        with pytest.raises(ChunkSizeError):
            getattr(column, change)(Chunk((x, 0, 0), (5, 5, 5)), data=rows, key=key)
    assert [0] == [each.id for each in cells.get_all_chunks()]
    assert (4, [1.0] * 3) == (len(cells), cells.load_positions()[0].tolist())
    assert {} == cells.load_additional()


@pytest.mark.parametrize("change", ["append", "overwrite"])
def test_a_chunk_that_gets_no_rows_is_one_of_the_set(change: str, anywhere: Storage) -> None:
    cells = cells_of(anywhere)
    getattr(cells._position_chunks, change)(SECOND, np.zeros((0, 3)))
    assert [FIRST.id, SECOND.id] == sorted(each.id for each in cells.get_all_chunks())
    assert 4 == len(cells)


@pytest.mark.parametrize("change", ["append", "overwrite"])
@pytest.mark.parametrize("name", ["position", "size"])
def test_the_first_rows_of_a_network_settle_the_size_of_its_chunks(
    name: str, change: str, tmp_path: Path
) -> None:
    storage = Storage("memory", str(tmp_path / "network"))
    cells: Any = cells_of(storage) if name == "position" else Mine(storage, "/mine")
    column = getattr(cells, f"_{name}_chunks")
    rows = np.ones((2, 3 if name == "position" else 2))
    getattr(column, change)(SECOND, rows)
    assert [list(SIZE)] == [each.dimensions.tolist() for each in cells.get_all_chunks()]
    with pytest.raises(ChunkSizeError):
        cells_of(storage).append_data(Chunk((0, 0, 0), (5, 5, 5)), np.ones((1, 3)))


def test_columns_of_cells_stay_tied_to_them(anywhere: Storage) -> None:
    cells = cells_of(anywhere)
    cells._additional_chunks.append(FIRST, "weight", np.ones(4))
    ChunkedCollection(cells, "additional", None, float).overwrite(FIRST, np.zeros(4), "weight")
    assert [0.0] * 4 == cells.load_additional("weight").tolist()
    for name in ("position/x", "additional", "additional/x"):
        own = ChunkedProperty(cells, name, shape=(0,), dtype=int)
        with pytest.raises(InputError, match="can't hold other data"):
            own.append(FIRST, [1])
    with pytest.raises(InputError, match="can't hold other data"):
        ChunkedCollection(cells, "rotation", None, float).append(FIRST, "key", [1])
    assert 4 == len(cells)


@pytest.mark.parametrize("change", ["append", "overwrite"])
def test_rows_that_do_not_fit_change_nothing(anywhere: Storage, change: str) -> None:
    mine = Mine(anywhere, "/mine/A")
    mine._extras_chunks.append(FIRST, "key", np.ones((2, 3)))
    write = getattr(mine._size_chunks, change)
    bad: list[Any] = [np.ones((1, 3)), "text", None, [1.0]]
    with anywhere.write_scope():
        for rows in bad:
            with pytest.raises(InputError):
                write(SECOND, rows)
        with pytest.raises(InputError):
            mine._extras_chunks.append(FIRST, "key", np.ones((2, 2)))
        with pytest.raises(InputError):
            getattr(cells_of(anywhere)._position_chunks, change)(SECOND, np.ones((1, 2)))
        mine._size_chunks.append(FIRST, np.ones((1, 2)))
    assert [0] == [each.id for each in mine.get_all_chunks()]
    assert [0] == [each.id for each in cells_of(anywhere).get_all_chunks()]
    assert (1, 2) == mine._size_chunks.load().shape


@pytest.mark.parametrize("change", ["append", "overwrite"])
def test_numbers_that_a_column_can_not_hold_are_refused_instead_of_changed(
    anywhere: Storage, change: str
) -> None:
    cells, mine = cells_of(anywhere), Mine(anywhere, "/mine")
    small = ChunkedProperty(mine, "small", (0,), np.int8)
    flags = ChunkedProperty(mine, "flags", (0,), bool)
    refused: list[tuple[Any, Any, str | None]] = [
        (cells._additional_chunks, [2**53 + 1] * 4, "key"),
        (cells._position_chunks, [[2**53 + 1] * 3] * 4, None),
        (mine._extras_chunks, [-(2**53) - 1], "key"),
        (small, [300], None),
        (flags, [2], None),
    ]
    for column, rows, key in refused:
        with pytest.raises(DtypeError):
            getattr(column, change)(FIRST, data=rows, key=key)
    assert not mine.exists()
    assert {} == cells.load_additional()
    assert [[1.0] * 3] * 4 == cells.load_positions().tolist()


def test_cells_without_a_value_before_others_have_what_their_column_says(
    anywhere: Storage,
) -> None:
    cells = cells_of(anywhere)
    cells.append_entities(SECOND, 2)
    cells.append_data(SECOND, np.ones((1, 3)))
    cells.append_data(SECOND, np.ones((1, 3)), additional={"key": [7.0]})
    cells._rotation_chunks.append(FIRST, np.ones((1, 3)))
    nan = [np.nan] * 3
    expected = np.array([*[[1.0] * 3] * 4, nan, nan, *[[1.0] * 3] * 2])
    for found in (cells.load_positions(), cells._position_chunks.load()):
        assert np.array_equal(expected, found, equal_nan=True)
    column = cells._additional_chunks
    for found in (cells.load_additional("key"), column.load("key"), column.load_all()["key"]):
        assert np.array_equal([np.nan] * 3 + [7.0], found, equal_nan=True)
    with anywhere.read_scope() as session:
        read = cells._position_chunks.get_chunk_reader(session, raw=True)
        assert np.array_equal(expected[4:], read(SECOND), equal_nan=True)
    # What is padded is padded with zeros, as in 8.0.2.
    padded = column.load("key", pad_by="position")
    assert np.array_equal([0.0] * 4 + [np.nan] * 3 + [7.0], padded, equal_nan=True)


def test_what_is_ones_own_is_cleared_in_each_chunk_of_the_cells(anywhere: Storage) -> None:
    cells = cells_of(anywhere)
    own = ChunkedProperty(cells, "mine", shape=(0,), dtype=int)
    own.clear(FIRST)
    assert (0,) == own.load().shape
    own.append(FIRST, [1])
    cells.append_data(SECOND, np.ones((1, 3)))
    own.clear(SECOND)
    assert [1] == own.load().tolist()
    with pytest.raises(NodeNotFoundError):
        own.clear(Chunk((2, 0, 0), SIZE))
    assert (5, [0, SECOND.id]) == (len(cells), [each.id for each in cells.get_all_chunks()])
    assert () == verify(anywhere).findings


def test_a_loader_where_the_layout_keeps_its_own_is_refused(anywhere: Storage) -> None:
    path = cells_of(anywhere)._path
    for each in (path, f"{path}/deeper", f"/{path.split('/')[1]}/other"):
        with pytest.raises(InputError, match="belongs to the"):
            Mine(anywhere, each).require_chunk(FIRST)
    assert 4 == len(cells_of(anywhere))


def test_rows_are_changed_on_their_way(anywhere: Storage) -> None:
    seen: list[Any] = []

    def halved(rows: Any, array: Any) -> Any:
        seen.append(array)
        return rows / 2

    mine = Mine(anywhere, "/mine/A")
    twice = ChunkedProperty(mine, "twice", (0,), float, lambda rows: np.asarray(rows) * 2, halved)
    twice.append(FIRST, [1.0])
    twice.append(SECOND, [2.0, 3.0])
    assert [1.0, 2.0, 3.0] == twice.load().tolist()
    assert [2.0, 4.0, 6.0] == twice.load(raw=True).tolist()
    with anywhere.read_scope() as session:
        assert [2.0, 3.0] == twice.get_chunk_reader(session, raw=False)(SECOND).tolist()
    assert 3 == len(seen)
    assert None not in seen


def test_rows_are_padded_by_another_column(anywhere: Storage) -> None:
    mine, cells = Mine(anywhere, "/mine/A"), cells_of(anywhere)
    short = ChunkedProperty(mine, "short", (0,), int)
    short.append(FIRST, [7])
    mine._size_chunks.append(FIRST, np.ones((3, 2)))
    assert [7, 0, 0] == short.load(pad_by="size").tolist()
    own = ChunkedProperty(cells, "short", (0,), int)
    own.append(FIRST, [7])
    assert [7, 0, 0, 0] == own.load(pad_by="position").tolist()


def test_values_of_any_type_are_kept_or_refused(anywhere: Storage) -> None:
    mine = Mine(anywhere, "/mine/A")
    records = np.dtype([("a", int), ("b", float)])
    kinds: list[tuple[Any, Any]] = [
        (complex, [1 + 2j, 3]),
        (records, np.ones(2, dtype=records)),
        ("S3", [b"one", b"two"]),
        (h5py.string_dtype(), ["one", "two"]),
        (bool, [True, False]),
    ]
    for i, (dtype, rows) in enumerate(kinds):
        own = ChunkedProperty(mine, f"own{i}", (0,), dtype)
        try:
            own.append(FIRST, rows)
        except InputError:
            assert "zarr" == anywhere._engine.format
            continue
        own.append(FIRST, rows)
        found = own.load().tolist()
        if i == 3:
            # HDF5 has texts as bytes.
            found = [each.decode() if isinstance(each, bytes) else each for each in found]
        assert [*np.asarray(rows, dtype=dtype).tolist()] * 2 == found


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_data_of_ones_own_survive_what_rewrites_a_network(layout: str, tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "network.hdf5", layout)
    cells_of(storage).append_data(FIRST, np.ones((4, 3)))
    mine = Mine(storage, "/mine/A")
    mine._size_chunks.append(FIRST, np.ones((2, 2)))
    mine._extras_chunks.append(FIRST, "key", [1.0])
    own = ChunkedProperty(cells_of(storage), "mine", shape=(0,), dtype=int)
    own.append(FIRST, np.arange(10))
    repack(storage)
    assert (2, 10) == (len(mine._size_chunks.load()), len(own.load()))
    assert ["key"] == mine._extras_chunks.keys()
    other = "columnar" if layout == "classic" else "classic"
    with pytest.raises(UnknownContentError, match="0"):
        convert(str(tmp_path / "network.hdf5"), str(tmp_path / "other.hdf5"), layout=other)
    cells_of(storage).clear()
    copy = convert(str(tmp_path / "network.hdf5"), str(tmp_path / "other.hdf5"), layout=other)
    assert [[1, 1]] * 2 == Mine(copy, "/mine/A")._size_chunks.load().tolist()
    assert ["key"] == Mine(copy, "/mine/A")._extras_chunks.keys()


def test_the_path_of_a_chunk_names_what_is_given(tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "network.hdf5", "classic")
    cells = storage.require_placement_set(cell_type("a"))
    chunk = Chunk((0, 0, 0), (1, 1, 1))
    assert f"{cells._path}/0" == cells.get_chunk_path(chunk)
    assert f"{cells._path}/0/additional" == cells.get_chunk_path(chunk, "additional")
    assert f"{cells._path}/0/additional/k" == cells.get_chunk_path(chunk, "additional", "k")


@pytest.mark.parametrize("name", ["mine", "position"])
def test_a_reader_of_chunks_reads_columns_of_ones_own(name: str, tmp_path: Path) -> None:
    storage = Storage("memory", str(tmp_path / "network"))
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(FIRST, np.ones((2, 3)))
    loader: Any = cells if name == "mine" else Mine(storage, "/mine")
    own = ChunkedProperty(loader, name, (0,), float)
    own.append(FIRST, [1.0, 2.0, 3.0])
    with storage._engine.read_scope() as session:
        assert [1.0, 2.0, 3.0] == own.get_chunk_reader(session, raw=False)(FIRST).tolist()
    assert [1.0, 2.0, 3.0] == own.load().tolist()


def test_the_columnar_layout_has_no_paths_of_chunks(tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "network", "columnar")
    cells = storage.require_placement_set(cell_type("a"))
    assert cells._path == cells.get_chunk_path()
    with pytest.raises(NodeNotFoundError, match="has no groups of chunks: in the columnar layout"):
        cells.get_chunk_path(FIRST)
    own = Mine(storage, "/mine")
    assert f"/mine/{FIRST.id}/extras/x" == own.get_chunk_path(FIRST, "extras", "x")
