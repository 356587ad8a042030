"""A lock is released once, by whom it was handed to, and never by a child of its process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from bsb_hdf5.adapters.zarr.held import LockHandle
from bsb_hdf5.errors import SessionClosedError


def is_open(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


@pytest.fixture
def descriptor(tmp_path: Path) -> int:
    return os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)


def test_a_handle_closes_its_file_once(descriptor: int) -> None:
    with LockHandle(descriptor) as handle:
        assert is_open(descriptor)
        handle.check("here")
        assert not handle.safe and not handle.is_inherited
    assert not is_open(descriptor)
    assert handle.is_closed
    other = os.dup(0)
    handle.close()
    assert is_open(other)
    os.close(other)


def test_one_that_is_kept_outlives_its_block_but_no_error(descriptor: int) -> None:
    with LockHandle(descriptor) as handle:
        assert handle is handle.kept()
    assert is_open(descriptor)
    # Another block keeps it only if it says so.
    with handle:
        assert is_open(descriptor)
    assert not is_open(descriptor)
    other = os.dup(0)
    with pytest.raises(ValueError, match="in the block"), LockHandle(other) as handle:
        handle.kept()
        raise ValueError("in the block")
    assert not is_open(other)


def test_a_child_leaves_it_to_its_parent(descriptor: int) -> None:
    handle = LockHandle(descriptor)
    handle.abandon()
    assert handle.is_inherited
    assert not is_open(descriptor)
    assert handle.is_inherited and handle.is_closed
    with pytest.raises(SessionClosedError, match="'here' belongs to the process that began"):
        handle.check("here")
    handle.abandon()
    LockHandle().abandon()


def test_each_handle_of_a_process_is_abandoned_in_its_children(descriptor: int) -> None:
    held = [LockHandle(descriptor), LockHandle()]
    child = os.fork()
    if not child:
        os._exit(sum(each.is_inherited for each in held))
    assert 2 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert is_open(descriptor)
    held[0].close()
