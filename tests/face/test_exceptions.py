"""Errors of the core become errors that BSB knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bsb
import pytest

from bsb_hdf5 import errors
from bsb_hdf5.exceptions import as_bsb, bsb_errors

MISSING = errors.SetNotFoundError("there is no 'a'", asked="a")


@contextmanager
def failing(where: str) -> Iterator[str]:
    if where == "enter":
        raise MISSING
    yield "entered"
    if where == "exit":
        raise MISSING


@pytest.mark.parametrize("where", ["enter", "block", "exit"])
def test_an_error_of_the_core_is_replaced_wherever_it_comes_from(where: str) -> None:
    with pytest.raises(bsb.DatasetNotFoundError) as caught, as_bsb(failing(where)):
        if where == "block":
            raise MISSING
    assert isinstance(caught.value, errors.SetNotFoundError)
    assert MISSING is caught.value.__cause__
    assert {"asked": "a"} == caught.value.fields


@pytest.mark.parametrize("error", [errors.ReadOnlyError("none writes"), ZeroDivisionError()])
def test_an_error_without_counterpart_stays_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, bsb_errors():
        raise error
    assert error is caught.value
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_error_that_is_suppressed_is_not_replaced() -> None:
    @contextmanager
    def suppressing() -> Iterator[None]:
        with pytest.raises(errors.SetNotFoundError):
            yield

    raising = as_bsb(suppressing())
    raising.__enter__()
    assert raising.__exit__(type(MISSING), MISSING, None)


def test_a_block_is_given_what_the_context_manager_returns() -> None:
    with as_bsb(failing("nowhere")) as entered:
        assert "entered" == entered
