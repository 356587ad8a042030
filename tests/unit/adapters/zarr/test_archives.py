"""Zip archives of networks, which are only read."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import NotANetworkError, ReadOnlyError
from bsb_hdf5.platform import can_fork, fork
from bsb_hdf5.testing.contents import make, reading, snapshot, writing
from tests.unit.adapters.zarr.stores import ROWS, change, filled


@pytest.mark.parametrize("folder", [False, True])
def test_a_zip_that_another_program_packed_is_read(
    path: Path, tmp_path: Path, folder: bool
) -> None:
    store = filled(path)
    root = {"root_dir": path.parent, "base_dir": path.name} if folder else {"root_dir": path}
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", **root)
    archive = ZarrStore(packed)
    assert archive.recognizes()
    assert snapshot(store) == snapshot(archive)
    with reading(archive) as group:
        array = group.group("placement").group("granule").array("position")
        assert np.array_equal(ROWS[7:90], array.read(7, 90))
    with writing(store) as changed:
        change(changed)
    shutil.make_archive(str(tmp_path / "packed"), "zip", **root)
    # Another archive took its place.
    assert snapshot(store) == snapshot(archive)


def test_a_zip_is_not_written(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    archive = ZarrStore(shutil.make_archive(str(tmp_path / "a"), "zip", path))
    for verb in (archive.open_write, archive.remove, lambda: archive.move(f"{path}.2")):
        with pytest.raises(ReadOnlyError, match="zip archive, which is only read"):
            verb()
    for verb in (ZarrStore(tmp_path / "b.zip").create, lambda: store.copy(f"{path}.zip")):
        with pytest.raises(ReadOnlyError, match=r"would be a zip archive.* -c [.\w]+zip DIRECTORY"):
            verb()
    archive.copy(str(tmp_path / "c.zarr"))
    assert snapshot(store) == snapshot(archive) == snapshot(ZarrStore(tmp_path / "c.zarr"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense"])
def test_a_file_that_is_no_zip_of_a_network_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert not ZarrStore(tmp_path / "a.zip").recognizes()
    with pytest.raises(NotANetworkError):
        ZarrStore(tmp_path / "a.zip").open_read()


def test_a_session_reads_the_archive_that_it_began_with(tmp_path: Path) -> None:
    packed = []
    for name, rows in (("first", ROWS), ("second", -ROWS)):
        store = make(ZarrStore(tmp_path / name))
        with writing(store) as root:
            root.create_array("x", rows)
        packed.append(shutil.make_archive(str(tmp_path / name), "zip", tmp_path / name))
    archive = ZarrStore(packed[0])
    with reading(archive) as first:
        os.replace(packed[1], packed[0])
        with reading(archive) as second:
            assert np.array_equal(-ROWS, second.array("x").read())
        assert np.array_equal(ROWS, first.array("x").read())


def positions_in(file: Path) -> dict[str, int]:
    """Where this process reads a file next, by descriptor."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        if os.path.realpath(link) == str(file):
            found[link.name] = os.lseek(int(link.name), 0, os.SEEK_CUR)
    return found


@pytest.mark.skipif(not can_fork() or not Path("/proc/self/fd").exists(), reason="needs Linux")
def test_a_forked_process_reads_an_archive_of_its_own(path: Path, tmp_path: Path) -> None:
    filled(path)
    archive = ZarrStore(shutil.make_archive(str(tmp_path / "a"), "zip", path))
    archive.open_read().close()
    before = positions_in(tmp_path / "a.zip")
    child = fork()
    if not child:
        try:
            snapshot(archive)
            os._exit(0)
        finally:
            os._exit(1)
    assert 0 == os.waitpid(child, 0)[1]
    assert 1 == len(before)
    assert before == positions_in(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o600, 0o700), (0o640, 0o750), (0o444, 0o755), (0o666, 0o777)]
)
def test_a_copy_is_readable_by_those_who_may_read_the_archive(
    path: Path, tmp_path: Path, mode: int, expected: int
) -> None:
    filled(path)
    packed = Path(shutil.make_archive(str(tmp_path / "a"), "zip", path))
    packed.chmod(mode)
    archive = ZarrStore(packed)
    archive.copy(f"{path}.copy")
    assert expected == stat.S_IMODE(os.stat(f"{path}.copy").st_mode)
    assert (mode | stat.S_IWUSR) == archive.mode()
