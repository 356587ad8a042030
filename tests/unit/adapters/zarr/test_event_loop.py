"""Systems that start no more threads."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.core import sync

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.testing.contents import reading, snapshot, writing
from tests.unit.adapters.zarr.stores import filled

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def no_loop() -> Iterator[None]:
    """As if zarr had not been used yet."""
    sync.cleanup_resources()
    yield
    sync.cleanup_resources()


class NoThreads:
    """The next starts of a thread fail, from one on."""

    def __init__(self, patch: pytest.MonkeyPatch, first: int = 0) -> None:
        self.starts = 0
        self._first = first
        name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
        self._start = getattr(threading, name)
        patch.setattr(threading, name, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.starts += 1
        if self.starts > self._first:
            raise RuntimeError("can't start new thread")
        return self._start(*arguments, **named)


@pytest.mark.usefixtures("no_loop")
@pytest.mark.parametrize("first", [0, 1])
def test_without_a_thread_an_error_is_raised_and_the_next_session_works(
    path: Path, first: int
) -> None:
    store = filled(path)
    before = snapshot(store)
    sync.cleanup_resources()
    rows = np.arange(60_000.0).reshape(-1, 3)
    with pytest.MonkeyPatch.context() as patch:
        NoThreads(patch, first)
        for _ in range(2):
            with (
                pytest.raises(StoreIOError, match="no more threads") as caught,
                writing(ZarrStore(path)) as root,
            ):
                root.create_array("new", rows)
            assert errno.EAGAIN == caught.value.errno
            with pytest.raises(StoreIOError), reading(ZarrStore(path)) as read:
                read.group("placement").group("granule").array("position").read()
    assert before == snapshot(ZarrStore(path))
    with writing(store) as root:
        root.create_array("new", rows)
    with reading(ZarrStore(path)) as read:
        assert np.array_equal(rows, read.array("new").read())
    with writing(ZarrStore(path)) as root:
        root.attributes.set("x", 1)
    assert not list(path.rglob("*.partial"))
