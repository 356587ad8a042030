"""HDF5 calls back into Python, where a signal handler or a finalizer may run that uses HDF5."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.atomic.overlay import OverlayFile
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import SessionAbortedError
from bsb_hdf5.testing.contents import reading, writing


@contextmanager
def interrupting(verb: str, action: Callable[[], object]) -> Iterator[list[object]]:
    """Do something in the first call of HDF5's that comes; the error that it raised, or None."""
    found: list[object] = []
    real = getattr(OverlayFile, verb)

    def interrupted(self: OverlayFile, *arguments: Any) -> None:
        if not found:
            found.append(None)
            try:
                action()
            except SessionAbortedError as error:
                found[0] = error
        real(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OverlayFile, verb, interrupted)
        yield found


def fill(store: Hdf5Store) -> None:
    with writing(store) as root:
        root.create_array("more", np.arange(100_000))
    store.let_go()


def test_a_handler_that_interrupts_hdf5_is_refused_and_harms_nothing(store: Hdf5Store) -> None:
    fill(store)
    with reading(store) as root:
        array = root.array("more")
        with interrupting("_read", array.read) as found:
            assert 99_999 == array.read()[-1]
        assert isinstance(found[0], SessionAbortedError)
        assert "signal handler" in str(found[0])
        assert 99_999 == array.read()[-1]


def test_a_handler_can_not_open_another_file_meanwhile(store: Hdf5Store, tmp_path: Path) -> None:
    store.copy(str(tmp_path / "other"))
    other = Hdf5Store(str(tmp_path / "other"))
    session = store.open_write()
    with interrupting("_write", lambda: other.open_read().close()) as found:
        session.root.create_array("more", np.arange(100_000))
        session.commit()
    assert isinstance(found[0], SessionAbortedError)
    other.open_read().close()
    with reading(store) as root:
        assert 99_999 == root.array("more").read()[-1]


def test_another_thread_may_go_on_meanwhile(store: Hdf5Store, tmp_path: Path) -> None:
    fill(store)

    def elsewhere() -> None:
        thread = threading.Thread(target=lambda: states.append(OverlayFile.is_called_back()))
        thread.start()
        thread.join()
        states.append(OverlayFile.is_called_back())

    states: list[bool] = []
    with reading(store) as root, interrupting("_read", elsewhere):
        root.array("more").read()
    assert [False, True, False] == [*states, OverlayFile.is_called_back()]


def test_a_store_that_is_collected_meanwhile_is_closed_later(
    store: Hdf5Store, path: Path, tmp_path: Path
) -> None:
    store.copy(str(tmp_path / "other"))
    # The stores of other tests.
    gc.collect()
    stores = [Hdf5Store(str(tmp_path / "other"))]
    with writing(stores[0]) as others:
        others.create_array("others", np.arange(3))

    def collect() -> None:
        stores.clear()
        gc.collect()

    fill(store)
    with reading(store) as root, interrupting("_read", collect):
        root.array("more").read()
    assert [str(tmp_path / "other")] == [file.location for file in FILE_POOL._postponed]
    with reading(store):
        pass
    assert not FILE_POOL._postponed
    folder = Path("/proc/self/fd")
    paths = [os.path.realpath(each) for each in folder.iterdir()]
    assert str(tmp_path / "other") not in paths
