"""What is made of a network for other programs, on a disk that is full, and under which mode."""

from __future__ import annotations

import errno
import gc
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bsb import Storage

import bsb_hdf5
from bsb_hdf5.errors import StoreAccessError, StoreIOError
from bsb_hdf5.targets import write_beside
from tests.face.samples import SmallNetwork
from tests.faults.kills import in_child
from tests.faults.test_little_room import limited

Make = Callable[[Any, Path], object]


def _page(storage: Any, target: Path) -> None:
    write_beside(
        target, lambda file: file.write(bytes(5000)), storage._engine.sessions.store.mode()
    )


VERBS: dict[str, Make] = {
    "tables": bsb_hdf5.export_csv,
    "circuit": bsb_hdf5.export_sonata,
    "merged": lambda storage, target: bsb_hdf5.merge([storage] * 2, str(target)),
    "page": _page,
}


@pytest.fixture(params=["hdf5", "zarr"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return SmallNetwork.build(Storage(request.param, str(tmp_path / "network"))).storage


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("storage", ["hdf5"], indirect=True)
def test_a_full_disk_leaves_nothing_and_the_program_goes_on(
    tmp_path: Path, storage: Storage, verb: str
) -> None:
    before = sorted(tmp_path.iterdir())

    def attempts() -> list[str]:
        ignored: list[Any] = []
        sys.unraisablehook = ignored.append
        for room in (10, 150):
            with limited(resource.RLIMIT_FSIZE, room), pytest.raises(StoreIOError) as raised:
                VERBS[verb](storage, tmp_path / verb)
            assert errno.EFBIG == raised.value.errno
            del raised
            gc.collect()
            assert before == sorted(tmp_path.iterdir())
        VERBS[verb](storage, tmp_path / verb)
        return list(map(str, ignored))

    assert [] == in_child(attempts)
    assert (tmp_path / verb).exists()


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_else_can_read_what_is_made_of_a_private_network(
    tmp_path: Path, storage: Storage, verb: str
) -> None:
    root = tmp_path / "network"
    root.chmod(0o750 if root.is_dir() else 0o640)
    before = os.umask(0)
    try:
        VERBS[verb](storage, tmp_path / verb)
    finally:
        os.umask(before)
    mode = (tmp_path / verb).stat().st_mode & 0o777
    assert (0o750 if (tmp_path / verb).is_dir() else 0o640) == mode


@pytest.mark.parametrize("storage", ["hdf5"], indirect=True)
def test_a_merged_network_is_as_private_as_each_of_its_sources(
    tmp_path: Path, storage: Storage
) -> None:
    other = SmallNetwork.build(Storage("zarr", str(tmp_path / "other"))).storage
    (tmp_path / "network").chmod(0o664)
    (tmp_path / "other").chmod(0o700)
    bsb_hdf5.merge([storage, other], str(tmp_path / "merged"))
    assert 0o600 == (tmp_path / "merged").stat().st_mode & 0o777


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("storage", ["hdf5"], indirect=True)
def test_a_folder_that_may_not_be_written_is_named(
    tmp_path: Path, storage: Storage, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    if verb in ("tables", "circuit"):
        monkeypatch.setattr(Path, "mkdir", denied)
    else:
        opener = os.open

        def opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if flags & os.O_CREAT:
                denied()
            return opener(path, flags, *rest, **options)

        monkeypatch.setattr(os, "open", opened)
    with pytest.raises(StoreAccessError) as raised:
        VERBS[verb](storage, tmp_path / verb)
    assert errno.EACCES == raised.value.errno
