"""Objects of any type are copied from file to file; what points out of its file is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.attributes import Hdf5AttributesWriter
from bsb_hdf5.adapters.hdf5.context import Context, OpenObject
from bsb_hdf5.adapters.hdf5.groups import Hdf5GroupWriter
from bsb_hdf5.errors import CorruptNetworkError
from tests.unit.memory import new_root


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[h5py.File, h5py.File]]:
    with h5py.File(tmp_path / "a.h5", "w") as first, h5py.File(tmp_path / "b.h5", "w") as second:
        yield first, second


def root(file: h5py.File) -> Hdf5GroupWriter:
    return Hdf5GroupWriter(OpenObject("group", file["/"].id), "", Context(file.filename))


def copy(files: tuple[h5py.File, h5py.File], name: str) -> bool:
    return root(files[1]).copy_member(root(files[0]), name)


def test_links_stay_links(files: tuple[h5py.File, h5py.File]) -> None:
    source, target = files
    source["soft"] = h5py.SoftLink("/somewhere")
    source["external"] = h5py.ExternalLink("other.h5", "/there")
    for name in source:
        assert copy(files, name)
    assert "/somewhere" == target.get("soft", getlink=True).path
    found = target.get("external", getlink=True)
    assert ("other.h5", "/there") == (found.filename, found.path)


def test_a_type_of_its_own_is_copied(files: tuple[h5py.File, h5py.File]) -> None:
    files[0]["é"] = np.dtype([("a", "i4"), ("b", "S3")])
    assert copy(files, "é")
    assert files[0]["é"].dtype == files[1]["é"].dtype


def refer(file: h5py.File) -> Any:
    return file.create_group("other").ref


def test_what_refers_to_other_objects_is_refused(files: tuple[h5py.File, h5py.File]) -> None:
    reference = refer(files[0])
    deep = files[0].create_group("deep")
    deep.create_group("er")["array"] = np.array([reference], dtype=h5py.ref_dtype)
    files[0].create_group("b").create_group("c").attrs["x"] = reference
    for name in ("deep", "b"):
        with pytest.raises(CorruptNetworkError, match="refers to other objects"):
            copy(files, name)
    files[0].attrs["mine"] = reference
    attributes: Hdf5AttributesWriter = root(files[1]).attributes
    with pytest.raises(CorruptNetworkError, match="'mine' refers"):
        attributes.copy(root(files[0]).attributes, "mine")
    assert [] == [*files[1], *files[1].attrs]


def test_values_in_another_file_are_refused(
    files: tuple[h5py.File, h5py.File], tmp_path: Path
) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "b.h5"), "x", (3,))
    files[0].create_virtual_dataset("group/virtual", layout)
    raw = [(str(tmp_path / "raw"), 0, 24)]
    files[0].create_dataset("external", (3,), "f8", external=raw)
    for name in ("group", "external"):
        with pytest.raises(CorruptNetworkError, match="are in another file"):
            copy(files, name)


def test_groups_of_another_backend_are_not_taken(files: tuple[h5py.File, h5py.File]) -> None:
    other = new_root()
    other.require_group("a")
    other.attributes.set("b", 1)
    assert not root(files[1]).copy_member(other, "a")
    assert not root(files[1]).attributes.copy(other.attributes, "b")
    assert [] == [*files[1], *files[1].attrs]
