"""
What an earlier version stored is read value for value, and a format keeps its version.

A test that fails here says that networks which exist could not be read any more, or that they
are written in another way: then the format needs a new version, and ``tests/formats/networks.py``
another file beside those there are.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from bsb_hdf5 import verify
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.atomic.journal import read_journal
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.testing.contents import reading, writing
from tests.face.samples import SmallNetwork, chunk, digest, positions
from tests.formats.networks import (
    ALL_DTYPES,
    AS_BYTES,
    CONTENT,
    DTYPES,
    FEW,
    FILES,
    FORMATS,
    JOURNAL,
    MANY,
    PIECES,
    WRITTEN,
    committed_network,
    journal_bytes,
    new_network,
    rows_of,
    structure_of,
    values_of,
)


@pytest.mark.parametrize("name", FORMATS)
def test_a_committed_network_is_read_value_for_value(name: str, tmp_path: Path) -> None:
    storage = committed_network(name, tmp_path)
    before = digest(Path(storage.root)) if Path(storage.root).is_file() else None
    assert json.loads((FILES / f"{name}.json").read_text()) == values_of(storage)
    assert [] == list(verify(storage.root))
    if before is not None:
        assert before == digest(Path(storage.root))


@pytest.mark.parametrize("name", FORMATS)
def test_a_committed_network_is_extended(name: str, tmp_path: Path) -> None:
    network = SmallNetwork.of(committed_network(name, tmp_path))
    before = len(network.b)
    network.b.append_data(chunk(4), positions(3))
    assert before + 3 == len(network.b) == len(network.b.load_positions())
    assert [] == list(verify(network.storage.root))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_network_is_written_as_the_committed_one_was(name: str, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old, new = committed_network(name, tmp_path / "old"), new_network(name, tmp_path)
    assert structure_of(old) == structure_of(new)
    assert values_of(old) == values_of(new)


@pytest.mark.parametrize("archive", DTYPES, ids=lambda path: path.name)
def test_committed_arrays_of_each_dtype_are_read_and_extended(
    archive: Path, tmp_path: Path
) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    store = ZarrStore(tmp_path / "network.zarr")
    rows = {
        f"{dtype} {count}": rows_of(dtype, count)
        for dtype in (*ALL_DTYPES, *AS_BYTES)
        for count in (FEW, MANY)
    }
    with reading(store) as root:
        _check_rows({name: root.array(name).read(0, len(rows[name])) for name in rows}, rows)
    with writing(store) as root:
        for name, added in rows.items():
            root.array(name).append(added)
    twice = {name: np.concatenate((each, each), dtype=each.dtype) for name, each in rows.items()}
    with reading(ZarrStore(tmp_path / "network.zarr")) as root:
        _check_rows({name: root.array(name).read() for name in rows}, twice)


def _check_rows(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, rows in expected.items():
        assert rows.dtype == found[name].dtype, name
        assert rows.tolist() == found[name].tolist(), name


@pytest.mark.parametrize("name", ["zarr", "zarr-2", "zarr-3"])
def test_zarr_reads_a_committed_network_that_was_extended(name: str, tmp_path: Path) -> None:
    network = SmallNetwork.of(committed_network(name, tmp_path))
    network.b.append_data(chunk(4), positions(3))
    group: Any = zarr.open_group(network.storage.root, mode="r")
    for rows in (group["placement_sets/b/position"], group["placement_sets/b"]["position"]):
        assert len(network.b) == len(rows[:])
    assert "bsb-hdf5-columnar" == group.attrs["format"]
    assert b"a text" == bytes(group["stored_files/note"][:])


def test_a_committed_journal_is_read_and_applied() -> None:
    assert JOURNAL.read_bytes() == journal_bytes()
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(JOURNAL.read_bytes())
        journal = read_journal(file.fileno())
        assert journal is not None
        assert (100, 90) == (journal.base_size, journal.size)
        found = [(start, bytes(data)) for start, data in journal.pieces]
        assert PIECES == found
        AtomicFile.recover(file.fileno())
        expected = bytearray(CONTENT)
        for start, data in PIECES:
            expected[start : start + len(data)] = data
        assert bytes(expected[:90]) == os.pread(file.fileno(), 1000, 0)
