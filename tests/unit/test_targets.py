"""Files that are written: who may read them, and what is said where that fails."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from bsb_hdf5.errors import StoreAccessError, StoreIOError
from bsb_hdf5.targets import cause_of, common_mode, folder_mode, writing


class Placed:
    """A store that only some users may read."""

    def __init__(self, mode: int | None) -> None:
        self._mode = mode

    def mode(self) -> int | None:
        return self._mode

    def create(self, *, mode: int | None = None) -> Any:
        raise NotImplementedError


def test_all_networks_may_be_read_by_those_who_may_read_what_is_made_of_them() -> None:
    for modes, common in (
        ([], None),
        ([None], None),
        ([0o640], 0o640),
        ([0o640, 0o604], 0o600),
        ([0o666, 0o644, None], 0o644),
        ([0o777], 0o666),
    ):
        stores: list[Any] = [*map(Placed, modes), object()]
        assert common == common_mode(*stores), modes


@pytest.mark.parametrize(
    ("mode", "folder"), [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o666, 0o777), (0, 0)]
)
def test_who_may_read_files_may_look_for_them(mode: int, folder: int) -> None:
    assert folder == folder_mode(mode)


CAUSES: list[tuple[Exception, int | None, str]] = [
    (OSError(errno.ENOSPC, "full"), errno.ENOSPC, os.strerror(errno.ENOSPC)),
    (OSError("errno = 28, of HDF5"), errno.ENOSPC, os.strerror(errno.ENOSPC)),
    (RuntimeError("it failed (errno = 13, 'x')"), errno.EACCES, os.strerror(errno.EACCES)),
    (OSError("a text"), None, "a text"),
    (MemoryError(), errno.ENOMEM, "there is not enough memory"),
]


def test_the_cause_of_an_error_is_that_of_the_system() -> None:
    for error, number, said in CAUSES:
        assert (number, said) == cause_of(error), error


def test_errors_of_the_system_name_the_target() -> None:
    for error, number, said in CAUSES[:4]:
        kind = StoreAccessError if number == errno.EACCES else StoreIOError
        with pytest.raises(kind) as raised, writing("there"):
            raise error
        assert f"'there' can't be written: {said}" == str(raised.value)
        assert ("there", number) == (
            raised.value.fields["location"],
            raised.value.fields["errno"],
        )
        assert raised.value.__cause__ is error
    for denied in (errno.EACCES, errno.EPERM, errno.EROFS):
        with pytest.raises(StoreAccessError), writing("there"):
            raise OSError(denied, "no")
    for other in (RuntimeError("of somebody else"), StoreIOError("told"), ValueError("x")):
        with pytest.raises(type(other)) as same, writing("there"):
            raise other
        assert same.value is other
