"""
Files that bsb-hdf5 8.0.2 wrote, kept in ``files``: read and extended without its environment.

``created.json.gz`` and ``extended.json.gz`` are what 8.0.2 reads from them; ``make_files.py``
makes them.

=====================  ==========================================================================
created-default        as h5py writes: the oldest structures of HDF5, superblock 0
created-newer          with the structures of HDF5 1.8, superblock 2: h5py can be asked for them
created-legacy         as of before bsb 8: no provenance, no revisions of the sets
extended-default       created and extended by 8.0.2
=====================  ==========================================================================
"""

import gzip
from hashlib import sha256
from pathlib import Path

import h5py
import pytest

from tests.compat.exchange import Interpreter, differences, network_of, read_compressed_dump

FILES = Path(__file__).parent / "files"
SUPERBLOCK_VERSION = 8
"""Where an HDF5 file says which version its superblock has."""


def unpacked(name: str, folder: Path) -> Path:
    file = folder / "network.hdf5"
    file.write_bytes(gzip.decompress((FILES / f"{name}.hdf5.gz").read_bytes()))
    return file


@pytest.mark.parametrize(
    "name", ["created-default", "created-newer", "created-legacy", "extended-default"]
)
def test_our_engine_reads_what_was_stored_and_changes_no_byte(
    name: str, ours: Interpreter, tmp_path: Path
) -> None:
    expected = read_compressed_dump(FILES / f"{name.partition('-')[0]}.json.gz")
    file = unpacked(name, tmp_path)
    before = sha256(file.read_bytes()).hexdigest()
    actual = ours.dump(file)
    assert [] == differences(network_of(expected), network_of(actual))
    assert before == sha256(file.read_bytes()).hexdigest()


# The default file is extended where the environment of 8.0.2 is; its structures are the legacy's.
@pytest.mark.parametrize("name", ["created-newer", "created-legacy"])
def test_our_engine_extends_the_file_as_8_0_2_does(
    name: str, ours: Interpreter, tmp_path: Path
) -> None:
    expected = read_compressed_dump(FILES / "extended.json.gz")
    actual = ours.dump(ours.extend(unpacked(name, tmp_path)))
    assert [] == differences(network_of(expected), network_of(actual))


@pytest.mark.parametrize(("name", "version"), [("created-default", 0), ("created-newer", 2)])
def test_the_files_cover_old_and_newer_structures(name: str, version: int, tmp_path: Path) -> None:
    assert version == unpacked(name, tmp_path).read_bytes()[SUPERBLOCK_VERSION]


@pytest.mark.parametrize(
    ("name", "expected"), [("created-default", True), ("created-legacy", False)]
)
def test_only_the_legacy_file_has_no_provenance(name: str, expected: bool, tmp_path: Path) -> None:
    with h5py.File(unpacked(name, tmp_path), "r") as file:
        assert expected == ("bsb_provenance" in file.attrs)
        assert expected == any("revision" in group.attrs for group in file["placement"].values())
