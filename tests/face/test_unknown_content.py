"""What a layout does not know of a network is copied by a rewrite, or refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import convert, repack
from bsb_hdf5.errors import StorageError, UnknownContentError
from bsb_hdf5.maintenance.integrity import verify
from bsb_hdf5.resource import Resource
from tests.face.conftest import FileOf
from tests.face.layouts import LAYOUTS, about_classic
from tests.face.layouts import place as place_of
from tests.face.samples import SmallNetwork, digest

Nodes = dict[str, Any]
LOOKED_THROUGH = (
    *("placement", "connectivity", "morphologies", "files"),
    *("placement_sets", "connectivity_sets", "stored_files"),
)
"""Groups whose members are taken for parts of the network, if they look like such."""
PLACES_OF_SETS = {
    "classic": ("placement/", "connectivity/"),
    "columnar": ("placement_sets/", "connectivity_sets/"),
}
OTHER = {"classic": "columnar", "columnar": "classic"}


def put_group(group: h5py.Group) -> None:
    made = group.create_group("stranger")
    made.attrs["unit"] = "um"
    made["rows"] = np.arange(5)
    made["deep/er/texts"] = ["a", "b"]


def put_empty_group(group: h5py.Group) -> None:
    group.create_group("stranger")


def put_link(group: h5py.Group) -> None:
    group["stranger"] = h5py.SoftLink("/elsewhere")


MEMBERS: dict[str, Callable[[h5py.Group], Any]] = {
    "numbers": lambda group: group.create_dataset("stranger", data=np.eye(3), maxshape=(None, 3)),
    "texts": lambda group: group.create_dataset("stranger", data=["a", "é"]),
    "a text": lambda group: group.create_dataset("stranger", data="some text"),
    "a number": lambda group: group.create_dataset("stranger", data=5),
    "nothing": lambda group: group.create_dataset("stranger", data=h5py.Empty("f8")),
    "no rows": lambda group: group.create_dataset(
        "stranger", shape=(0, 3), dtype="f8", maxshape=(None, 3)
    ),
    "records": lambda group: group.create_dataset(
        "stranger", data=np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    ),
    "complex numbers": lambda group: group.create_dataset("stranger", data=np.array([1 + 2j])),
    "a group": put_group,
    "an empty group": put_empty_group,
    "a link": put_link,
}
ATTRIBUTES: dict[str, Any] = {
    "a text": "um",
    "texts": ["a", "b"],
    "a number": 5,
    "numbers": np.arange(6.0).reshape(2, 3),
    "nothing": h5py.Empty("f8"),
    "a record": np.array((1, 2.5), dtype=[("a", "i4"), ("b", "f8")]),
}


def places(path: Path) -> tuple[list[str], list[str]]:
    """All groups of a file, and all its arrays and texts."""
    groups: list[str] = ["/"]
    others: list[str] = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: (groups if isinstance(node, h5py.Group) else others).append(name)
        )
    return groups, others


def dump(path: Path) -> Nodes:
    """Every value of a file, and every attribute, of whatever type."""
    found: Nodes = {}

    def note(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = (str(node.dtype), node.shape, node.maxshape[:1] if node.shape else None)
            found[f"{name} values"] = str(node[()])
        else:
            found[name] = None
            link = node.get("stranger", getlink=True)
            if isinstance(link, h5py.SoftLink):
                found[f"{name} ->"] = link.path
        for key, value in node.attrs.items():
            found[f"{name} @{key}"] = (type(value).__name__, str(value))

    with h5py.File(path) as file:
        note("/", file)
        file.visititems(note)
    return found


def strange(found: Nodes) -> Nodes:
    return {key: value for key, value in found.items() if "stranger" in key or "->" in key}


@pytest.fixture(scope="module")
def packed_file(small_file: FileOf, tmp_path_factory: pytest.TempPathFactory) -> FileOf:
    """A network in a layout that repacks to what it is, for all tests to copy."""

    @cache
    def packed_file(layout: str) -> Path:
        path = tmp_path_factory.mktemp("packed") / "network.hdf5"
        shutil.copy(small_file(layout), path)
        repack(str(path))
        return path

    return packed_file


@pytest.fixture
def packed(packed_file: FileOf, layout: str, tmp_path: Path) -> Path:
    """A network that repacks to what it is."""
    return Path(shutil.copy(packed_file(layout), tmp_path / "packed.hdf5"))


PARTS_OF_A_NETWORK = {"an empty group": ["placement"], "a text": ["files", "stored_files"]}
"""What is nothing strange there: bsb-hdf5 8.0.2 leaves an empty group for a new set of cells."""


def ambiguous(groups: list[str], kind: str) -> list[str]:
    return [
        place
        for place in groups
        if place in LOOKED_THROUGH and place not in PARTS_OF_A_NETWORK.get(kind, ())
    ]


def put(path: Path, kind: str, groups: list[str]) -> None:
    with h5py.File(path, "r+") as file:
        for place in groups:
            MEMBERS[kind](file[place])


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_strange_member_anywhere_outlives_a_repack(packed: Path, kind: str) -> None:
    groups, _ = places(packed)
    for place in ambiguous(groups, kind):
        path = Path(shutil.copy(packed, packed.with_name(f"{place}.hdf5")))
        put(path, kind, [place])
        before = dump(path)
        try:
            repack(str(path))
        except StorageError as error:
            # It looks like a set, a morphology or a file, but is none that could be read.
            assert "stranger" in str(error), place
        assert before == dump(path), place
    put(packed, kind, [place for place in groups if place not in LOOKED_THROUGH])
    before = dump(packed)
    assert len(groups) - len(LOOKED_THROUGH) <= len(strange(before))
    repack(str(packed))
    assert before == dump(packed)


@pytest.mark.parametrize("kind", ["a number", "nothing", "numbers"])
def test_what_is_no_file_among_the_files_is_kept_and_is_no_file(
    packed: Path, layout: str, kind: str
) -> None:
    part = place_of(layout, "files")
    put(packed, kind, [part])
    before = dump(packed)
    repack(str(packed))
    assert before == dump(packed)
    files = Storage("hdf5", str(packed)).files
    assert ["note"] == list(files.all())
    with pytest.raises(StorageError, match="stranger"):
        files.load("stranger")
    with pytest.raises(StorageError, match="stranger"):
        files.store("mine", id="stranger", overwrite=True)
    assert before == dump(packed)
    with pytest.raises(UnknownContentError, match=f"'/{part}/stranger'"):
        convert(str(packed), f"{packed}.copy", layout=OTHER[layout])


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_a_strange_attribute_anywhere_outlives_a_repack(packed: Path, kind: str) -> None:
    groups, others = places(packed)
    path = packed.with_name("copy.hdf5")
    shutil.copy(packed, path)
    with h5py.File(path, "r+") as file:
        for place in (*groups, *others):
            file[place].attrs["stranger"] = ATTRIBUTES[kind]
    before = dump(path)
    assert len(groups) + len(others) == len(strange(before))
    repack(str(path))
    assert before == dump(path)


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_conversion_names_all_that_it_can_not_keep(packed: Path, layout: str, kind: str) -> None:
    groups, _ = places(packed)
    sets = [f"{part}{name}" for part in PLACES_OF_SETS[layout] for name in ("a", "b", "a_to_b")]
    deeper = [each for each in groups if each not in ("/", *LOOKED_THROUGH, *sets)]
    put(packed, kind, deeper)
    target = packed.with_name("target.hdf5")
    original = digest(packed)
    with pytest.raises(UnknownContentError, match="drop_unknown=True") as refused:
        convert(str(packed), str(target), layout=OTHER[layout])
    assert {f"'/{place}/stranger'" for place in deeper} == {*refused.value.fields["found"]}
    for place in ambiguous(groups, kind):
        path = Path(shutil.copy(packed, packed.with_name(f"{place}.hdf5")))
        put(path, kind, [place])
        with pytest.raises(StorageError, match="stranger"):
            convert(str(path), str(target), layout=OTHER[layout])
    assert not target.exists()
    assert original == digest(packed)


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_conversion_keeps_what_lies_at_the_root(packed: Path, layout: str, kind: str) -> None:
    put(packed, kind, ["/"])
    target = packed.with_name("target.hdf5")
    convert(str(packed), str(target), layout=OTHER[layout])
    assert strange(dump(packed)) == strange(dump(target))


def test_what_belongs_to_a_set_goes_with_it(packed: Path, layout: str) -> None:
    small = SmallNetwork.of(Storage("hdf5", str(packed)))
    cells, connections = small.a._path, small.ab._path
    with h5py.File(packed, "r+") as file:
        file[cells].attrs["stranger"] = "of a"
        file[connections]["stranger"] = [1, 2]
    other = SmallNetwork.of(convert(str(packed), str(packed) + ".copy", layout=OTHER[layout]))
    cells, connections = other.a._path, other.ab._path
    with h5py.File(str(packed) + ".copy") as file:
        assert "of a" == file[cells].attrs["stranger"]
        assert [1, 2] == file[connections]["stranger"][:].tolist()
    assert () == verify(other.storage).findings


def test_what_is_not_wanted_is_left_out_on_request(packed: Path, layout: str) -> None:
    groups, _ = places(packed)
    with h5py.File(packed, "r+") as file:
        for place in groups:
            file[place]["stranger"] = [1, 2]
    target = str(packed) + ".copy"
    with pytest.raises(UnknownContentError, match="stranger"):
        convert(str(packed), target, layout=OTHER[layout])
    convert(str(packed), target, layout=OTHER[layout], drop_unknown=True)
    assert {} == strange(dump(Path(target)))
    repack(str(packed), drop_unknown=True)
    assert {} == strange(dump(packed))


@about_classic
def test_a_name_that_the_other_layout_has_for_itself_is_refused(packed: Path) -> None:
    """The other way round there is none: the columnar layout takes all names of the classic one."""
    with h5py.File(packed, "r+") as file:
        file.create_group("placement_sets")
        file.attrs["state_id"] = "mine"
    with pytest.raises(UnknownContentError, match=r"'/placement_sets'.*'state_id'"):
        convert(str(packed), str(packed) + ".copy", layout="columnar")


@pytest.mark.parametrize("layout", ["columnar"], indirect=True)
def test_a_column_of_a_users_own_is_not_torn_from_its_cells(packed: Path) -> None:
    with h5py.File(packed, "r+") as file:
        group = file["placement_sets/a"]
        names = json.loads(group.attrs["names"])
        names["columns"].append("mine")
        group.attrs["names"] = json.dumps(names)
        group["mine"] = np.arange(5.0)
    with pytest.raises(UnknownContentError, match="'/placement_sets/a/mine': its rows belong"):
        repack(str(packed))


@pytest.mark.parametrize("name", ["README", "mine/rows.npy", "placement_sets/a/notes.txt"])
def test_files_in_the_folder_of_a_network_are_named_and_never_deleted(
    tmp_path: Path, name: str
) -> None:
    small = SmallNetwork.build(Storage("zarr", str(tmp_path / "network")))
    mine = tmp_path / "network" / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    target = str(tmp_path / "copy.hdf5")
    with pytest.raises(UnknownContentError, match=r"drop_unknown=True") as refused:
        convert(small.storage, target, engine="hdf5")
    (found,) = refused.value.fields["found"]
    assert name.startswith(found)
    assert not Path(target).exists()
    repack(small.storage)
    assert "mine" == mine.read_text()
    copy = convert(small.storage, target, engine="hdf5", drop_unknown=True)
    assert 5 == len(SmallNetwork.of(copy).a)
    small.storage.remove()
    assert "mine" == mine.read_text()
    assert not small.storage.exists()


@pytest.mark.parametrize("engine", ["memory", "zarr"])
def test_other_engines_keep_it_too(engine: str, tmp_path: Path) -> None:
    small = SmallNetwork.build(Storage(engine, str(tmp_path / "network")))
    mine = Resource(small.storage._engine, "/mine/rows")
    mine.create(np.arange(12.0).reshape(4, 3))
    repack(small.storage)
    assert (4, 3) == mine.shape
    for number, (name, layout) in enumerate(
        [*(("hdf5", each) for each in LAYOUTS), ("memory", None)]
    ):
        copy = convert(small.storage, str(tmp_path / f"{number}"), engine=name, layout=layout)
        again = Resource(copy._engine, "/mine/rows")
        assert np.arange(12.0).reshape(4, 3).tolist() == again.get_dataset().tolist()
        back = convert(copy, str(tmp_path / f"{number}.{engine}"), engine=engine)
        assert (4, 3) == Resource(back._engine, "/mine/rows").shape
    repack(small.storage, drop_unknown=True)
    assert not mine.exists()


def test_groups_in_groups_are_copied_up_to_a_depth(tmp_path: Path) -> None:
    small = SmallNetwork.build(Storage("memory", str(tmp_path / "network")))
    deepest = Resource(small.storage._engine, "/" + "/".join("d" * 65))
    deepest.create(np.arange(3))
    copy = convert(small.storage, str(tmp_path / "copy"), engine="zarr")
    assert [0, 1, 2] == Resource(copy._engine, deepest._path).get_dataset().tolist()
    deepest.remove()
    Resource(small.storage._engine, f"{deepest._path}/d").create(np.arange(3))
    with pytest.raises(UnknownContentError, match="nested more than 64 deep"):
        convert(small.storage, str(tmp_path / "other"), engine="zarr")
    assert not (tmp_path / "other").exists()
