"""Any text names a set, a morphology, a file or additional data where the layout is columnar."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import MorphologySet, Storage

from bsb_hdf5 import convert, repack
from bsb_hdf5.core.column_specs import additional_column
from bsb_hdf5.errors import InvalidNameError, MorphologyNotFoundError
from bsb_hdf5.maintenance.integrity import verify
from tests.face.layouts import new_storage
from tests.face.samples import (
    cell_type,
    chunk,
    morphology,
    morphology_set,
    on_soma,
    positions,
)

NAMES = [
    "a/b",
    "a//b",
    "/",
    "a/../b",
    "https://host/path?a=%2F",
    "%",
    "a%2Fb",
    "...",
    "trailing ",
    "Case",
    "case",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "x" * 300,
    "x/" * 200,
]


@pytest.fixture(params=["hdf5", "memory", "zarr"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def opened(engine: str, root: Path) -> Storage:
    if engine == "hdf5":
        return new_storage(root, "columnar")
    return Storage(engine, root.parent.name if engine == "memory" else str(root))


def fill(storage: Storage, names: list[str]) -> None:
    for i, name in enumerate(names):
        kind = cell_type(f"cell {i}")
        kind.name = name
        storage.morphologies.save(name, morphology())
        cells = storage.require_placement_set(kind)
        cells.append_data(
            chunk(i),
            positions(2),
            morphology_set(storage, [name], [0, 0]),
            additional={name: np.arange(2.0) + i},
        )
        cells.label([name], [1])
        tie = storage.require_connectivity_set(kind, kind, name)
        tie.chunk_connect(chunk(i), chunk(i), on_soma(0, 1), on_soma(1, 1))
        storage.files.store(f"text {i}", id=name)


def described(storage: Storage) -> dict[str, Any]:
    """What a storage holds, by name."""
    with storage._engine.read_scope() as session:
        network = session.network
        found: dict[str, Any] = {}
        for name in network.placement_names():
            cells = network.placement(name)
            chunks = cells.chunks()
            columns = map(additional_column, cells.additional_keys())
            found[name] = [
                chunks.tolist(),
                {
                    each.name: cells.read_column(each, cells.chunks())[0].tolist()
                    for each in columns
                },
                cells.read_morphologies(chunks).names,
                cells.label_sets().to_lists(),
            ]
        ties = {tag: network.connectivity(tag) for tag in network.connectivity_tags()}
        found["ties"] = {tag: (tie.pre_type, tie.post_type, tie.count) for tag, tie in ties.items()}
        found["files"] = {id_: network.files.load(id_).content() for id_ in network.files.ids()}
        found["morphologies"] = network.morphologies.names()
    return found


def expected(names: list[str]) -> dict[str, Any]:
    first = cell_ids()
    found: dict[str, Any] = {
        name: [[first[i]], {name: [i, i + 1]}, (name,), {0: [], 1: [name]}]
        for i, name in enumerate(names)
    }
    found["ties"] = {name: (name, name, 2) for name in names}
    found["files"] = {name: f"text {i}" for i, name in enumerate(names)}
    found["morphologies"] = tuple(sorted(names))
    return found


def cell_ids() -> list[int]:
    return [chunk(i).id for i in range(len(NAMES))]


def test_what_has_any_name_comes_back(engine: str, tmp_path: Path) -> None:
    storage = opened(engine, tmp_path / "network")
    fill(storage, NAMES)
    assert expected(NAMES) == described(storage)
    assert expected(NAMES) == described(opened(engine, tmp_path / "network"))
    assert [] == list(verify(storage).findings)


def test_what_has_any_name_is_rewritten_and_copied(engine: str, tmp_path: Path) -> None:
    storage = opened(engine, tmp_path / "network")
    fill(storage, NAMES)
    repack(storage)
    assert expected(NAMES) == described(storage)
    copy = convert(storage, str(tmp_path / "copy"), engine="hdf5", layout="columnar")
    assert expected(NAMES) == described(copy)
    other = convert(copy, str(tmp_path / "other"), engine="zarr")
    assert expected(NAMES) == described(other)


def test_names_go_to_the_classic_layout_and_back(tmp_path: Path) -> None:
    names = ["a/b", "host/path?a=%2F", "%", "a%2Fb", "trailing ", "é"]
    storage = opened("hdf5", tmp_path / "network")
    fill(storage, names)
    classic = convert(storage, str(tmp_path / "classic"), layout="classic")
    assert expected(names) == described(classic)
    back = convert(classic, str(tmp_path / "back"), layout="columnar")
    assert expected(names) == described(back)


# Names that HDF5 takes for the same path as a shorter one.
LONGER = ["http://a//b", "/lead", "trail/", "a//b", "c/./d", "./x", "y/."]


@pytest.mark.parametrize("engine", ["hdf5", "zarr"], indirect=True)
def test_a_name_that_is_longer_than_its_path_is_kept_in_classic(
    engine: str, tmp_path: Path
) -> None:
    names = sorted([*LONGER, "plain", "a%2Fb", "%", "é" * 127])
    storage = opened(engine, tmp_path / "network")
    fill(storage, names)
    for name in names:
        storage.morphologies.save(f"{name}+", morphology(), update_meta=False)
    found = described(storage)
    classic = convert(storage, str(tmp_path / "classic"), engine="hdf5", layout="classic")
    assert found == described(classic)
    assert sorted(storage.morphologies.get_all_meta()) == sorted(
        classic.morphologies.get_all_meta()
    )
    assert [] == list(verify(classic).findings)
    repack(classic)
    assert found == described(classic)
    back = convert(classic, str(tmp_path / "back"), engine="zarr")
    assert found == described(back)


@pytest.mark.parametrize("name", LONGER)
def test_a_classic_network_lists_what_it_stores_by_the_name_that_was_given(
    name: str, tmp_path: Path
) -> None:
    storage = new_storage(tmp_path / "classic", "classic")
    fill(storage, [name])
    assert expected([name]) == described(storage)
    cell, tag = cell_type("x"), name
    cell.name = name
    assert 2 == len(storage.get_placement_set(cell))
    assert 2 == len(storage.get_connectivity_set(tag))
    assert storage.morphologies.has(name)


@pytest.mark.parametrize("name", LONGER)
def test_what_is_removed_by_the_shorter_name_is_gone_by_the_other(
    name: str, tmp_path: Path
) -> None:
    storage = new_storage(tmp_path / "classic", "classic")
    saved = storage.morphologies
    loader = saved.save(name, morphology())
    saved.remove(posixpath.normpath(name).strip("/"))
    assert not saved.has(name)
    cells = storage.require_placement_set(cell_type("cell"))
    with pytest.raises(MorphologyNotFoundError):
        cells.append_data(chunk(0), positions(1), morphologies=MorphologySet([loader], [0]))
    assert saved.save(name, morphology()).name == name
    assert saved.has(name)


@pytest.mark.parametrize("name", LONGER)
def test_all_spellings_of_a_path_are_of_one_set(name: str, tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "classic", "classic")
    shorter = posixpath.normpath(name).strip("/")
    kinds = [cell_type("any"), cell_type("any")]
    for kind, each in zip(kinds, (name, shorter), strict=True):
        kind.name = each
    one, other = map(storage.require_placement_set, kinds)
    for added, cells in enumerate((one, other, one, other), 1):
        cells.append_data(chunk(added % 2), positions(3))
        assert [3 * added] * 4 == [
            *(len(each) for each in (one, other)),
            *(len(each.load_positions()) for each in (one, other)),
        ]
    other.label(["core"], [0, 1])
    assert 2 == one.get_label_mask(["core"]).sum()
    first = storage.require_connectivity_set(*kinds[:1] * 2, name)
    second = storage.require_connectivity_set(*kinds[:1] * 2, shorter)
    for added, connections in enumerate((first, second, first), 1):
        connections.chunk_connect(chunk(0), chunk(1), on_soma(0, 1), on_soma(1, 0))
        assert [2 * added] * 2 == [len(first), len(second)]
        assert 2 * added == len(first.load_connections().all()[0])
    second.clear()
    assert [0, 0] == [len(first), len(second)]
    assert [] == list(verify(storage).findings)
    other.remove()
    assert not storage._PlacementSet.exists(storage._engine, kinds[0])


@pytest.mark.parametrize("name", LONGER)
def test_all_spellings_of_a_path_have_the_metadata_of_one_morphology(
    name: str, tmp_path: Path
) -> None:
    saved = new_storage(tmp_path / "classic", "classic").morphologies
    shorter = posixpath.normpath(name).strip("/")
    saved.save(name, morphology())
    assert repr(saved.get_meta(name)) == repr(saved.get_meta(shorter))
    assert name == saved.get_meta(shorter)["name"]
    saved.remove(shorter)
    assert {} == saved.get_all_meta()


Save = Callable[[Storage, str], Any]


def save_cells(storage: Storage, name: str) -> None:
    kind = cell_type("any")
    kind.name = name
    storage.require_placement_set(kind)


def save_tag(storage: Storage, name: str) -> None:
    kind = cell_type("any")
    storage.require_placement_set(kind)
    storage.require_connectivity_set(kind, kind, name)


def save_key(storage: Storage, name: str) -> None:
    cells = storage.require_placement_set(cell_type("any"))
    cells.append_data(chunk(0), positions(1), additional={name: [1.0]})


SAVES: dict[str, Save] = {
    "placement set": save_cells,
    "connectivity set": save_tag,
    "morphology": lambda storage, name: storage.morphologies.save(name, morphology()),
    "file": lambda storage, name: storage.files.store(name, id=name),
    "key of additional data": save_key,
}


@pytest.mark.parametrize("names", [("a/b", "a//b"), ("a", "a/"), ("c", "c/inc/data"), ("/",)])
@pytest.mark.parametrize("what", SAVES)
def test_names_that_classic_can_not_keep_apart_are_refused(
    what: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    if names[0] == "c" and what == "morphology":
        names = ("c", "c/data/x")
    storage = new_storage(tmp_path / "network", "columnar")
    for name in names:
        SAVES[what](storage, name)
    with pytest.raises(InvalidNameError, match=f"can't name a {what}") as refused:
        convert(storage, str(tmp_path / "classic"), layout="classic")
    assert all(f"'{name}'" in str(refused.value) for name in names)
    assert not (tmp_path / "classic").exists()
    copy = convert(storage, str(tmp_path / "zarr"), engine="zarr")
    # As text, as some cells have no value.
    assert str(described(storage)) == str(described(copy))


@pytest.mark.parametrize("name", ["a\0/b", "\ud800/b"])
def test_what_no_file_can_hold_is_refused(engine: str, name: str, tmp_path: Path) -> None:
    storage = opened(engine, tmp_path / "network")
    kind = cell_type("innocent")
    kind.name = name
    calls: list[Callable[[], Any]] = [
        lambda: storage.require_placement_set(kind),
        lambda: storage.require_connectivity_set(kind, kind, name),
        lambda: storage.morphologies.save(name, morphology()),
        lambda: storage.files.store("text", id=name),
    ]
    for call in calls:
        with pytest.raises(InvalidNameError):
            call()
    assert {"files": {}, "ties": {}, "morphologies": ()} == described(storage)
