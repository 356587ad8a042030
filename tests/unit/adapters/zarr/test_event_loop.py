"""Systems that start no more threads: zarr needs one for networks in object stores."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zarr.core import sync

from bsb_hdf5.adapters.zarr import event_loop, repository
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.testing.contents import reading, snapshot, writing
from tests.unit.adapters.zarr.stores import ROWS, change, check_changed, filled

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def no_loop() -> Iterator[None]:
    """As if zarr had not been used yet."""
    sync.cleanup_resources()
    yield
    sync.cleanup_resources()


class NoThreads:
    """No thread starts."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
        patch.setattr(threading, name, self)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("can't start new thread")


@pytest.mark.usefixtures("no_loop")
def test_without_a_thread_an_error_is_raised_and_the_next_session_works(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}{os.getpid()}/threads"
    filled(Path("unused"), ZarrStore(url))
    before = snapshot(ZarrStore(url))
    sync.cleanup_resources()
    with pytest.MonkeyPatch.context() as patch:
        NoThreads(patch)
        for _ in range(2):
            with (
                pytest.raises(StoreIOError, match="no more threads") as caught,
                writing(ZarrStore(url)) as root,
            ):
                root.create_array("new", ROWS)
            assert errno.EAGAIN == caught.value.errno
            # What was read of a commit is kept.
            repository._RECENT.clear()
            with pytest.raises(StoreIOError), reading(ZarrStore(url)) as read:
                read.group("placement").group("granule").array("position").read()
    assert before == snapshot(ZarrStore(url))
    with writing(ZarrStore(url)) as root:
        root.create_array("new", ROWS)
    with reading(ZarrStore(url)) as read:
        assert np.array_equal(ROWS, read.array("new").read())


@pytest.mark.usefixtures("no_loop")
def test_a_loop_whose_thread_is_about_to_start_is_not_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start
    others: list[threading.Thread] = []

    def start_another_first(thread: threading.Thread) -> None:
        if thread.name == "zarr_io" and not others:
            others.append(threading.Thread(target=event_loop.start))
            start(others[0])
            # It waits for the lock of zarr; without that, it ends.
            others[0].join(0.1)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_another_first)
    event_loop.start()
    others[0].join()
    loop = sync.loop[0]
    assert loop is not None
    assert sync._get_loop() is loop
    assert not loop.is_closed()

    async def one() -> int:
        return 1

    assert 1 == sync.sync(one(), timeout=10)


def test_folders_are_read_and_written_without_a_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NoThreads(monkeypatch)
    store = filled(path)
    with writing(store) as root:
        change(root)
    check_changed(ZarrStore(path))
