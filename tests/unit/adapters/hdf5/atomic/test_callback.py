"""While HDF5 calls the methods of a file, nothing else calls HDF5."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.atomic import overlay
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.testing.contents import writing


@pytest.fixture
def eager() -> Iterator[None]:
    """Garbage is collected whenever Python may."""
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    yield
    gc.set_threshold(*before)


METHODS = ("tell", "readinto", "write", "truncate")
CODES = {overlay.OverlayFile.readinto.__code__, overlay.OverlayFile.write.__code__}


@pytest.fixture
def sought(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether HDF5 named a place, and has not come to use it."""
    state = [False]
    seek = overlay.OverlayFile.seek

    # What takes any arguments makes an object of them, for which Python may collect garbage.
    def follow(self: Any, offset: int, whence: int = os.SEEK_SET) -> int:
        found = seek(self, offset, whence)
        state[0] = True
        return found

    monkeypatch.setattr(AtomicFile, "seek", follow)
    for name in METHODS:
        method = getattr(overlay.OverlayFile, name)

        def come(self: Any, *args: Any, _method: Any = method) -> Any:
            state[0] = False
            return _method(self, *args)

        monkeypatch.setattr(AtomicFile, name, come)
    return state


def is_transferring() -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code in CODES:
            return True
        frame = frame.f_back
    return False


def litter(id_: Any) -> None:
    """Leave identifiers of HDF5 where only the collector finds them."""
    ids: list[Any] = [h5py.h5o.open(id_, b"rows")]
    ids.append(ids)


@pytest.mark.usefixtures("eager")
def test_no_garbage_is_collected_between_the_calls_of_a_transfer(
    store: Hdf5Store, sought: list[bool]
) -> None:
    collected: list[bool] = []

    def note(phase: str, _: Any) -> None:
        if phase == "start":
            collected.append(sought[0] or is_transferring())

    gc.callbacks.append(note)
    try:
        for number in range(5):
            with writing(store) as root:
                native: Any = root
                litter(native.native().id)
                root.create_array(f"more {number}", np.arange(1000.0))
                assert np.array_equal(np.arange(3000), root.array("rows").read())
    finally:
        gc.callbacks.remove(note)
    assert collected
    assert not any(collected)


@pytest.mark.parametrize("collects", [True, False])
def test_the_program_decides_whether_garbage_is_collected(tmp_path: Path, collects: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    descriptor = os.open(path, os.O_RDWR)
    file = AtomicFile.open(descriptor, writable=True)
    uses = {
        "readinto": lambda: file.readinto(bytearray(3)),
        "write": lambda: file.write(b"abc"),
        "tell": file.tell,
    }
    try:
        (gc.enable if collects else gc.disable)()
        for use in (*uses.values(), *uses.values()):
            file.seek(2)
            assert not gc.isenabled()
            # As where memory for the buffer is short.
            file.seek(3)
            use()
            assert collects == gc.isenabled()
        file.truncate(4)
        assert collects == gc.isenabled()
    finally:
        gc.enable()
        os.close(descriptor)
