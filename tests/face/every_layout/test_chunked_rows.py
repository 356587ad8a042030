"""Whatever the data by chunk of a placement set accepts can be loaded; all else is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, DatasetNotFoundError

from bsb_hdf5.chunks import ChunkedProperty, ChunkLoader
from bsb_hdf5.errors import DtypeError, InputError, LabelError, LengthError
from bsb_hdf5.maintenance.integrity import verify
from bsb_hdf5.resource import Resource
from tests.compat.walk.holdings import holdings
from tests.compat.walk.world import World, chunk

NAN = float("nan")
CODES: list[Any] = [
    *([0], [1], [5], [-1], [2**40], [2**70], [0.5], [1.0], [NAN], [True], [0] * 9, [], 0),
    np.zeros((1, 1)),
]
TRIPLETS: list[Any] = [[[1.0, 2.0, 3.0]], np.zeros((9, 3)), [[NAN] * 3], np.zeros((0, 3)), [1.0]]
NUMBERS: list[Any] = [[1.0], [1.0] * 9, [], 5.0, np.zeros((2, 2)), [NAN], ["a"]]
ROWS = {
    "morphology": CODES,
    "labels": CODES,
    "position": TRIPLETS,
    "rotation": TRIPLETS,
    "additional": NUMBERS,
}
SETS = ("a", "b", "entities", "silent")
READERS = (
    *("load_positions", "load_rotations", "load_additional", "load_ids", "get_unique_labels"),
    *("load_boxes", "get_all_chunks", "get_chunk_stats"),
)


def writing(world: World, name: str, column: str) -> Iterator[Callable[[Chunk, Any], Any]]:
    chunks = getattr(world.cells(name), f"_{column}_chunks")
    if column == "additional":
        yield lambda where, rows: chunks.append(where, "weight", rows)
        yield lambda where, rows: chunks.overwrite(where, rows, "weight")
    else:
        yield chunks.append
        yield chunks.overwrite


def load_all(world: World, name: str) -> None:
    cells = world.cells(name)
    for reader in READERS:
        # There may be none of what is asked for, which is said; anything else fails.
        with contextlib.suppress(DatasetNotFoundError):
            getattr(cells, reader)()
    cells.load_morphologies(allow_empty=True)
    for column in ("position", "rotation", "morphology", "labels"):
        getattr(cells, f"_{column}_chunks").load()


class UndoneError(Exception):
    """Ends a scope without storing it."""


@pytest.mark.parametrize("column", ROWS)
@pytest.mark.parametrize("name", SETS)
def test_what_is_accepted_can_be_loaded(
    world: World, held: dict[str, Any], name: str, column: str
) -> None:
    refused = accepted = 0
    for where in (chunk(0), chunk(8)):
        for rows in ROWS[column]:
            for write in writing(world, name, column):
                with contextlib.suppress(UndoneError), world.storage.write_scope():
                    try:
                        write(where, rows)
                    except InputError:
                        # What it has changed is stored, and found below.
                        refused += 1
                    else:
                        accepted += 1
                        load_all(world, name)
                        raise UndoneError
    assert refused
    assert accepted
    assert held == holdings(world)


@pytest.mark.parametrize(
    ("column", "codes", "error", "says"),
    [
        ("morphology", [5], InputError, "indices reach from 5 to 5; chunk 0 of 'a' has"),
        ("morphology", [0, -1], InputError, "indices reach from -1 to 0"),
        ("labels", [9], LabelError, r"label code 9 has no label set; the label codes of 'a' are"),
        ("labels", [0.5], DtypeError, r"rows of 'labels' must be whole numbers, but hold 0.5"),
    ],
)
def test_an_unknown_code_is_refused(
    world: World, held: dict[str, Any], column: str, codes: Any, error: type[Exception], says: str
) -> None:
    for write in writing(world, "a", column):
        with pytest.raises(error, match=says):
            write(chunk(0), codes)
    assert held == holdings(world)
    assert () == verify(world.storage).findings


def test_codes_that_are_known_are_stored(world: World) -> None:
    cells = world.cells("a")
    known = cells._labels_chunks.load().labels
    core = next(code for code, labels in known.items() if {"core"} == set(labels))
    cells._labels_chunks.overwrite(chunk(0), [0, core, core])
    cells._morphology_chunks.overwrite(chunk(0), [1, 1, 0])
    cells = world.again().cells("a", chunks=[chunk(0)])
    assert [False, True, True] == cells.get_label_mask(["core"]).tolist()
    assert [1, 1, 0] == cells._morphology_chunks.load().tolist()
    assert () == verify(world.storage).findings


class Own(Resource, ChunkLoader):
    def __init__(self, engine: Any, path: str) -> None:
        Resource.__init__(self, engine, path)
        ChunkLoader.__init__(self)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_own_integers_are_stored_as_they_are_or_refused(world: World, dtype: Any) -> None:
    own = ChunkedProperty(Own(world.engine, "/counted"), "number", (0,), dtype)
    limits = np.iinfo(dtype)
    own.append(chunk(0), [limits.min, 7.0])
    for bad in ([limits.max + 1], [limits.min - 1], [0.5], [NAN]):
        with pytest.raises(DtypeError, match="'number'"):
            own.append(chunk(0), bad)
    own.append(chunk(0), np.array([limits.max], dtype=dtype))
    assert [limits.min, 7, limits.max] == own.load().tolist()


WIDE = np.arange(4.0).reshape(2, 2)
NO_ROWS = {"numbers": np.zeros(0), "wide": np.zeros((0, 2)), "wider": np.zeros((0, 3))}


@pytest.mark.parametrize("none", NO_ROWS.values(), ids=NO_ROWS)
@pytest.mark.parametrize("where", [0, 1])
def test_no_rows_are_as_wide_as_any(world: World, none: Any, where: int) -> None:
    cells = world.cells("a")
    cells.clear()
    for count, rows in ((0, none), (2, WIDE), (0, none), (2, WIDE)):
        place = chunk(0 if count else where)
        cells.append_data(place, np.zeros((count, 3)), additional={"free": rows})
    assert np.array_equal(np.concatenate([WIDE, WIDE]), cells.load_additional("free"))
    with pytest.raises(LengthError):
        cells.append_data(chunk(1), np.zeros((1, 3)), additional={"free": [1.0]})
    assert () == verify(world.storage).findings


def test_no_rows_over_those_of_a_chunk_let_others_decide_their_width(world: World) -> None:
    cells, column = world.cells("a"), world.cells("a")._additional_chunks
    cells.clear()
    with world.storage.write_scope():
        cells.append_data(chunk(0), np.zeros((2, 3)), additional={"free": [1.0, 2.0]})
        column.overwrite(chunk(0), np.zeros(0), "free")
        column.overwrite(chunk(0), WIDE, "free")
    assert np.array_equal(WIDE, cells.load_additional("free"))


def test_cells_before_those_that_come_with_no_rows_decide_the_width(world: World) -> None:
    cells = world.cells("entities")
    cells.clear()
    cells.append_entities(chunk(0), 1)
    cells.append_entities(chunk(0), 0, {"free": np.zeros(0)})
    with pytest.raises(LengthError):
        cells.append_entities(chunk(1), 2, {"free": WIDE})
    assert np.array_equal([NAN], cells.load_additional("free"), equal_nan=True)
