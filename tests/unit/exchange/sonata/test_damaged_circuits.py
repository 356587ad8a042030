"""Circuits whose arrays and files are not what they are said to be are refused by name."""

from __future__ import annotations

import errno
from pathlib import Path

import h5py
import numpy as np
import pytest

from bsb_hdf5 import import_sonata
from bsb_hdf5.errors import CorruptNetworkError, StoreIOError, StoreNotFoundError
from bsb_hdf5.queries import counts
from tests.unit.exchange.sonata.test_importing import assert_refused, foreign_circuit, save

NAN = float("nan")
Arrays = dict[str, list[float]]
# The arrays that a file gets, and what is said of them.
NEW: dict[str, tuple[str, Arrays, str]] = {
    "nodes in another order": (
        "n.h5",
        {"nodes/cells/node_id": [1, 0, 2, 3]},
        "according to 'node_id'",
    ),
    "chunks of no place": (
        "n.h5",
        {f"nodes/cells/0/chunk_{axis}": [0, NAN, 0, 0] for axis in "xyz"},
        "chunk_x' must hold whole numbers, not nan",
    ),
    "parts of a node": ("e.h5", {"edges/e/source_node_id": [0.5, 1, 2]}, "not 0.5"),
    "no section": ("e.h5", {"edges/e/0/afferent_section_id": [NAN, 2, 0]}, "not nan"),
    "parts of a branch": (
        "e.h5",
        {"edges/e/0/afferent_branch": [0, 1.5, 0], "edges/e/0/afferent_point": [0, 0, 0]},
        "not 1.5",
    ),
}


@pytest.mark.parametrize("title", NEW)
def test_numbers_that_stand_for_nothing_are_refused(title: str, tmp_path: Path) -> None:
    name, arrays, said = NEW[title]
    foreign_circuit(tmp_path / "circuit")
    with h5py.File(tmp_path / "circuit" / name, "r+") as file:
        for path, rows in arrays.items():
            attributes = dict(file[path].attrs) if path in file else {}
            file.pop(path, None)
            file[path] = rows
            file[path].attrs.update(attributes)
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, said)


def test_nodes_may_be_numbered_in_their_order(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    with h5py.File(tmp_path / "circuit" / "n.h5", "r+") as file:
        file["nodes/cells/node_id"] = np.arange(4)
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert {"cells": 4} == counts(made)


def test_a_file_behind_links_that_lead_nowhere_is_none(tmp_path: Path) -> None:
    config = foreign_circuit(tmp_path / "circuit")
    (tmp_path / "circuit" / "loop").symlink_to("loop")
    config["networks"]["nodes"][0]["nodes_file"] = "loop/n.h5"
    save(tmp_path / "circuit", config)
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "not an HDF5 file")


@pytest.mark.parametrize("length", [300, 5000])
def test_at_a_name_that_no_folder_can_have_is_no_circuit(length: int, tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="no circuit"):
        import_sonata(tmp_path / ("n" * length), str(tmp_path / "made"))


def test_a_configuration_that_can_not_be_read_is_an_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign_circuit(tmp_path / "circuit")

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "not allowed", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StoreIOError, match="can't be imported") as raised:
        import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert errno.EACCES == raised.value.errno
