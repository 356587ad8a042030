"""Warnings: where they point. Errors: each is one of this package and one of BSB's."""

from __future__ import annotations

import warnings
from typing import Any

import bsb
import pytest

from bsb_hdf5 import errors, exceptions
from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.exceptions import (
    HDF5SlowLockingWarning,
    as_bsb,
    bsb_errors,
    callers_stacklevel,
    raise_as_bsb,
    warn_of_slow_lock,
)
from bsb_hdf5.transactions.deadline import SlowWait


def test_a_warning_points_at_the_line_that_called_into_the_package() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_slow_lock(SlowWait("here", (), 5.0, 600.0))
    assert [HDF5SlowLockingWarning] == [each.category for each in caught]
    assert [__file__] == [each.filename for each in caught]


def test_from_outside_the_package_a_warning_points_at_itself() -> None:
    assert 1 == callers_stacklevel()


class Inner:
    """A context manager that notes what it is ended with."""

    def __init__(self, *, suppresses: bool = False, fails: Exception | None = None) -> None:
        self._suppresses, self._fails = suppresses, fails
        self.ended: list[Any] = []

    def __enter__(self) -> str:
        return "entered"

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self.ended.append((kind, error))
        if self._fails is not None:
            raise self._fails
        return self._suppresses


KINDS = [*exceptions._COUNTERPARTS.items()]


@pytest.mark.parametrize(("original", "counterpart"), KINDS)
def test_an_error_that_bsb_has_a_name_for_has_both(original: Any, counterpart: Any) -> None:
    error = original("what is wrong", asked=5)
    with pytest.raises(counterpart) as caught:
        raise_as_bsb(error)
    assert issubclass(counterpart, original)
    assert error is caught.value.__cause__
    assert ("what is wrong", {"asked": 5}) == (str(caught.value), caught.value.fields)


def test_other_errors_stay_what_they_are() -> None:
    error = StoreIOError("odd")
    with pytest.raises(StoreIOError) as caught:
        raise_as_bsb(error)
    assert error is caught.value


def test_the_errors_of_a_block_are_replaced_at_its_end() -> None:
    inner = Inner()
    with as_bsb(inner) as found:
        assert "entered" == found
    assert [(None, None)] == inner.ended
    error = errors.SetNotFoundError("no set")

    def fail() -> None:
        with as_bsb(inner):
            raise error

    with pytest.raises(bsb.DatasetNotFoundError) as caught:
        fail()
    assert error is caught.value.__cause__
    assert (errors.SetNotFoundError, error) == inner.ended[-1]
    with pytest.raises(KeyError), as_bsb(inner):
        raise KeyError
    with pytest.raises(bsb.DatasetNotFoundError), bsb_errors():
        raise error


@pytest.mark.parametrize("error", [errors.SetNotFoundError("no set"), KeyError()], ids=repr)
def test_what_a_context_manager_suppresses_is_suppressed(error: Exception) -> None:
    with as_bsb(Inner(suppresses=True)):
        raise error


def test_the_error_of_an_end_is_replaced() -> None:
    failure = errors.SetExistsError("there is one")
    with pytest.raises(bsb.DatasetExistsError) as caught, as_bsb(Inner(fails=failure)):
        pass
    assert failure is caught.value.__cause__
    with pytest.raises(bsb.DatasetExistsError), as_bsb(Inner(fails=failure)):
        raise KeyError

    class Refused(Inner):
        def __enter__(self) -> str:
            raise failure

    refused = Refused()
    with pytest.raises(bsb.DatasetExistsError), as_bsb(refused):
        raise AssertionError
    assert [] == refused.ended


def test_at_the_end_of_the_process_nothing_is_ended() -> None:
    inner: Any = Inner()
    inner.is_over = True
    with pytest.raises(errors.SetNotFoundError), as_bsb(inner):
        raise errors.SetNotFoundError("no set")
    assert [] == inner.ended


def test_warnings_are_of_their_class() -> None:
    with pytest.warns(exceptions.HiddenRowsWarning, match="some rows"):
        exceptions.warn_of_hidden_rows("some rows")
    with pytest.warns(HDF5SlowLockingWarning, match=r"locked by rank 1; 5\.0 seconds so far"):
        warn_of_slow_lock(SlowWait("here", ("rank 1",), 5.0, 600.0))
