"""What h5py, HDF5 and the system raise becomes an error of this package."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from bsb_hdf5.adapters.hdf5.errors import translated
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    StorageError,
    StoreAccessError,
    StoreIOError,
    StoreNotFoundError,
)


class Source:
    """A file below HDF5."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


NO_MEMORY = "Can't read data (memory allocation failed for chunk)"


@pytest.mark.parametrize(
    ("error", "made", "message"),
    [
        (OSError(errno.EIO, "broken"), StoreIOError, "'here': broken"),
        (OSError(errno.EACCES, "closed"), StoreAccessError, "'here' may not be"),
        (OSError(NO_MEMORY), StoreIOError, "more than fits in memory: Can't"),
        (RuntimeError(NO_MEMORY), StoreIOError, "more than fits in memory"),
        (ValueError(NO_MEMORY), CorruptNetworkError, "HDF5 can't read or write this"),
        (OSError("can't open"), CorruptNetworkError, "'here': HDF5 .* this: can't open"),
        (RuntimeError("odd"), CorruptNetworkError, "HDF5 can't read or write this: odd"),
        (ValueError("odd"), CorruptNetworkError, "HDF5 can't read or write this: odd"),
        (KeyError("odd"), CorruptNetworkError, "HDF5 can't read or write this: 'odd'"),
        (TypeError("odd"), CorruptNetworkError, "HDF5 can't read or write this: odd"),
    ],
    ids=repr,
)
def test_an_error_of_below_becomes_one_of_ours(
    error: Exception, made: type[StorageError], message: str
) -> None:
    for source in (None, Source(None)):
        with pytest.raises(StorageError, match=message) as caught, translated("here", source):
            raise error
        assert made is type(caught.value)
        assert error is caught.value.__cause__
        assert "here" == caught.value.fields["location"]


def test_too_little_memory_has_its_number() -> None:
    with pytest.raises(StoreIOError) as caught, translated("here"):
        raise RuntimeError(NO_MEMORY)
    assert errno.ENOMEM == caught.value.errno


def test_errors_of_ours_and_of_programs_stay() -> None:
    for error in (InputError("mine"), AttributeError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, translated("here"):
            raise error
        assert error is caught.value


@pytest.mark.parametrize("raised", [None, RuntimeError("of HDF5"), InputError("mine")], ids=repr)
def test_what_was_noted_below_goes_before_what_hdf5_says(raised: Exception | None) -> None:
    def run(noted: BaseException) -> Any:
        with pytest.raises(BaseException) as caught, translated("here", Source(noted)):
            if raised is not None:
                raise raised
        assert raised is caught.value.__cause__
        return caught.value

    assert StoreIOError is type(run(OSError(errno.ENOSPC, "full")))
    assert StoreNotFoundError is type(run(OSError(errno.ENOENT, "gone")))
    interrupt = KeyboardInterrupt()
    assert interrupt is run(interrupt)


def test_what_was_noted_below_keeps_its_cause_however_often_it_passes() -> None:
    noted, cause = CorruptNetworkError("no heap"), RuntimeError("of HDF5")
    guard = translated("here", Source(noted))
    with pytest.raises(CorruptNetworkError) as caught, guard, guard:
        raise cause
    assert (noted, cause) == (caught.value, caught.value.__cause__)
