"""BSB's own suite for storage engines, unchanged, on the ``zarr`` engine; and what is its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from bsb import (
    Chunk,
    Configuration,
    Scaffold,
    Storage,
    from_storage,
    get_engine_node,
    get_engines,
    open_storage,
)

from bsb_hdf5 import convert
from bsb_hdf5.engines.zarr import ZarrEngine
from bsb_hdf5.errors import NotANetworkError, ReadOnlyError, UnknownContentError
from tests.engines.suite import suite_of_bsb

TestStorage, TestPlacementSet, TestMorphologyRepository, TestConnectivitySet = suite_of_bsb("zarr")


class CellType:
    """As much of a cell type as a placement set needs."""

    name = "granule"


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "net.zarr")


def placed(root: str) -> Any:
    storage = Storage("zarr", root)
    cells: Any = storage.require_placement_set(CellType())
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=np.arange(6.0).reshape(2, 3))
    return cells


def test_a_directory_is_recognized_and_opened(root: str) -> None:
    placed(root)
    assert ZarrEngine.recognizes(root, None)
    # BSB's engine "fs" recognizes every directory, so that open_storage may ask it first.
    others = [get_engines()[name] for name in ("hdf5", "memory")]
    assert [False, False] == [each.recognizes(root, None) for each in others]
    found: Any = Storage("zarr", root, missing_ok=False).get_placement_set(CellType())
    assert [[0, 1, 2], [3, 4, 5]] == found.load_positions().tolist()


@pytest.mark.filterwarnings("ignore:Auto-upgraded")
def test_commands_of_bsb_that_take_it_for_a_directory_leave_it_whole(root: str) -> None:
    cells = placed(root)
    before = {path.name for path in Path(root).iterdir()}
    # Which engine BSB asks first differs between environments: this is what comes of "fs".
    with pytest.raises(FileNotFoundError, match="files"):
        Storage("fs", root, missing_ok=False).load()
    with pytest.raises(FileNotFoundError, match="file_meta"):
        Storage("fs", root, missing_ok=False).store_active_config(Configuration.default())
    assert {"metadata.json"} == {path.name for path in Path(root).iterdir()} - before
    found: Any = Storage("zarr", root, missing_ok=False).get_placement_set(CellType())
    assert cells.load_positions().tolist() == found.load_positions().tolist()
    # What they leave is no content that a copy would lack, and goes with the network.
    copied: Any = convert(root, f"{root}.copy.zarr", engine="zarr").get_placement_set(CellType())
    assert cells.load_positions().tolist() == copied.load_positions().tolist()
    Storage("zarr", root).remove()
    assert not Path(root).exists()


def test_bsb_opens_a_directory_by_its_url(root: str) -> None:
    network = Scaffold(Configuration.default(storage={"engine": "zarr", "root": root}))
    before = {path: path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}
    found = from_storage(Path(root).as_uri())
    assert ("zarr", network.configuration.name) == (
        found.storage.format,
        found.configuration.name,
    )
    assert before == {path: path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


@pytest.mark.parametrize("text", ["{", '{"engine_name": "mine"}', "[]"])
def test_another_file_of_that_name_is_foreign(root: str, text: str) -> None:
    placed(root)
    foreign = Path(root, "metadata.json")
    foreign.write_text(text)
    with pytest.raises(UnknownContentError, match=r"metadata\.json"):
        convert(root, f"{root}.copy.zarr", engine="zarr")
    Storage("zarr", root).remove()
    assert text == foreign.read_text()


def test_default_roots_are_unique_directories() -> None:
    node = get_engine_node("zarr")
    roots = [node(engine="zarr").root for _ in range(2)]
    assert roots[0] != roots[1]
    assert all(root.endswith(".zarr") for root in roots)


@pytest.mark.parametrize("target", ["copy.zarr", "copy.zarr.zip", "memory"])
def test_a_network_is_taken_to_other_places_and_read_there(
    root: str, tmp_path: Path, target: str
) -> None:
    placed(root)
    place = f"memory://{tmp_path.name}/net" if target == "memory" else str(tmp_path / target)
    if target.endswith("zip"):
        shutil.make_archive(place.removesuffix(".zip"), "zip", root)
    else:
        Storage("zarr", root).copy(place)
    opened = Storage("zarr", place) if target == "copy.zarr" else open_storage(place)
    assert "zarr" == opened.format
    found: Any = opened.get_placement_set(CellType())
    assert [[0, 1, 2], [3, 4, 5]] == found.load_positions().tolist()
    chunk = Chunk((0, 0, 0), (100, 100, 100))
    if target.endswith("zip"):
        with pytest.raises(ReadOnlyError, match="zip archive"):
            found.append_data(chunk, positions=[[7, 8, 9]])
    else:
        found.append_data(chunk, positions=[[7, 8, 9]])
        assert 3 == len(found)
    original: Any = Storage("zarr", root).get_placement_set(CellType())
    assert 2 == len(original)


def test_a_scope_that_raises_leaves_no_trace(root: str) -> None:
    cells = placed(root)
    storage = Storage("zarr", root)
    before = storage._engine.metadata
    with pytest.raises(ZeroDivisionError), storage.write_scope():
        cells.append_data(Chunk((1, 0, 0), (100, 100, 100)), positions=np.ones((5000, 3)))
        cells.label(["new"], [0])
        storage.files.store("text", id="note")
        raise ZeroDivisionError
    assert 2 == len(cells)
    assert not storage.files.has("note")
    assert before == storage._engine.metadata


def test_the_slug_is_relative_to_the_working_directory_or_the_url(root: str) -> None:
    slug = Storage("zarr", root).root_slug
    assert Path(root) == (Path.cwd() / slug).resolve()
    assert "memory://slugs/net" == Storage("zarr", "memory://slugs/net").root_slug


@pytest.mark.parametrize("wrong", ["missing.zarr", "missing.zip", "memory://missing/net", 5, None])
def test_what_is_not_there_is_neither_peeked_nor_recognized(wrong: Any) -> None:
    assert not ZarrEngine.peek_exists(wrong)
    if isinstance(wrong, str):
        assert not ZarrEngine.recognizes(wrong, None)


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("content")
    assert not ZarrEngine.recognizes(str(tmp_path / "other"), None)
    with pytest.raises(NotANetworkError, match=r"not a zarr network: it has no zarr\.json"):
        placed(str(tmp_path / "other"))
    assert ["file"] == [each.name for each in (tmp_path / "other").iterdir()]


def test_positions_are_an_array_of_zarr_and_the_files_are_few(root: str) -> None:
    cells = placed(root)
    rows = np.random.default_rng(3).random((5000, 3))
    for x in range(1, 30):
        cells.append_data(Chunk((x, 0, 0), (100, 100, 100)), positions=rows)
    files = [each for each in Path(root).rglob("*") if each.is_file()]
    nodes = [zarr.open(each.parent, mode="r") for each in files if each.name == "zarr.json"]
    shapes = [node.shape for node in nodes if isinstance(node, zarr.Array)]
    assert 29 * 5000 <= sum(shape[0] for shape in shapes if shape[1:] == (3,))
    assert 150 > len(files)
