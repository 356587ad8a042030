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
    assert handle.descriptor is None
    other = os.dup(0)
    handle.close()
    assert is_open(other)
    os.close(other)


def test_whom_it_was_handed_to_closes_it(descriptor: int) -> None:
    with LockHandle(descriptor) as handle:
        handle.safe = True
        other = handle.handed_over()
    assert is_open(descriptor)
    assert (descriptor, True) == (other.descriptor, other.safe)
    other.close()
    assert not is_open(descriptor)


def test_a_child_leaves_it_to_its_parent(descriptor: int) -> None:
    handle = LockHandle(descriptor)
    handle.abandon()
    assert handle.is_inherited
    assert not is_open(descriptor)
    for each in (handle, handle.handed_over()):
        assert each.is_inherited and each.descriptor is None
        with pytest.raises(SessionClosedError, match="'here' belongs to the process that began"):
            each.check("here")
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
