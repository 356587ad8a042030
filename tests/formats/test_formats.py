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

import pytest

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


@pytest.mark.parametrize("dtype", (*ALL_DTYPES, *AS_BYTES))
def test_committed_arrays_of_each_dtype_are_read_and_extended(dtype: str, tmp_path: Path) -> None:
    with tarfile.open(DTYPES) as archive:
        archive.extractall(tmp_path, filter="data")
    store = ZarrStore(tmp_path / "network.zarr")
    for count in (FEW, MANY):
        rows, name = rows_of(dtype, count), f"{dtype} {count}"
        with reading(store) as root:
            found = root.array(name).read(0, count)
        assert rows.dtype == found.dtype
        assert rows.tolist() == found.tolist()
        with writing(store) as root:
            root.array(name).append(rows)
        with reading(ZarrStore(tmp_path / "network.zarr")) as root:
            assert [*rows.tolist(), *rows.tolist()] == root.array(name).read(0, 2 * count).tolist()


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
