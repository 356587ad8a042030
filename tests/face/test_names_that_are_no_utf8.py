"""Attributes and members whose names another program wrote in an encoding of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from bsb import Storage
from h5py import h5a, h5g, h5s, h5t

from bsb_hdf5 import convert, repack
from bsb_hdf5.errors import NodeNotFoundError, UnknownContentError
from bsb_hdf5.maintenance.integrity import verify
from bsb_hdf5.resource import Resource
from tests.face.conftest import FileOf
from tests.face.samples import SmallNetwork, cell_type, chunk, positions

KEY = b"caf\xe9"
OTHER = {"classic": "columnar", "columnar": "classic"}
NAME = "caf\udce9"


@pytest.fixture
def path(small_file: FileOf, layout: str, tmp_path: Path) -> Path:
    """A network, every group and array of which has an attribute, and every group a member."""
    path = Path(shutil.copy(small_file(layout), tmp_path / "network.hdf5"))
    with h5py.File(path, "r+") as file:
        nodes = [file["/"]]
        file.visititems(lambda _, node: nodes.append(node))
        for node in nodes:
            made = h5a.create(node.id, KEY, h5t.NATIVE_INT64, h5s.create(h5s.SCALAR))
            made.write(np.array(5))
            if isinstance(node, h5py.Group):
                h5g.create(node.id, KEY)
    return path


def keys(path: Path) -> list[tuple[str, list[bytes]]]:
    """The attributes and members of that name, in each group of a file."""
    found = []

    def note(name: str, node: h5py.Group | h5py.Dataset) -> None:
        held: list[bytes] = []
        h5a.iterate(node.id, held.append)
        members = list(node.id) if isinstance(node, h5py.Group) else []
        found.append((name, [key for key in (*held, *members) if key == KEY]))

    with h5py.File(path) as file:
        note("/", file)
        file.visititems(note)
    return found


def test_the_network_is_read_and_changed(path: Path) -> None:
    small = SmallNetwork.of(Storage("hdf5", str(path)))
    assert (5, 3) == small.a.load_positions().shape
    small.a.append_data(chunk(3), positions(1), additional={"key": np.ones(1)})
    small.a.clear([chunk(0)])
    small.ab.clear()
    small.a.remove()
    small.ab.remove()
    assert [False, True] == [
        small.a.exists(small.storage._engine, cell_type(name)) for name in "ab"
    ]
    assert (7, 3) == small.b.load_positions().shape
    root = Resource(small.storage._engine, "/")
    assert NAME in (root.keys() or ())
    assert 5 == root.attributes[NAME] == root.get_attribute(NAME)
    strange = Resource(small.storage._engine, f"/{NAME}")
    assert not strange.exists()
    with pytest.raises(NodeNotFoundError):
        strange.remove()


def test_they_outlive_a_repack(path: Path) -> None:
    before = keys(path)
    assert 20 < sum(len(found) for _, found in before)
    repack(str(path))
    assert before == keys(path)


def test_a_search_for_damage_reports_what_lies_where_only_sets_should(path: Path) -> None:
    found = verify(str(path)).findings
    assert {"placement", "connectivity", "files"} <= {each.part for each in found}
    assert all(NAME in str(each) for each in found)


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
def test_a_conversion_names_them_or_leaves_them_out(
    path: Path, layout: str, engine: str, tmp_path: Path
) -> None:
    target = str(tmp_path / "target")
    other = OTHER[layout] if engine == "hdf5" else None
    with pytest.raises(UnknownContentError, match=NAME):
        convert(str(path), target, engine=engine, layout=other)
    assert not Path(target).exists()
    copy = convert(str(path), target, engine=engine, layout=other, drop_unknown=True)
    assert (5, 3) == SmallNetwork.of(copy).a.load_positions().shape
    assert () == verify(copy).findings
