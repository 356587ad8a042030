"""The tree of errors."""

from __future__ import annotations

import errno
import inspect
import pickle
import re

import pytest

from bsb_hdf5 import errors

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.StorageError)
]


@pytest.mark.parametrize("kind", ALL)
def test_an_error_survives_its_way_to_another_rank(kind: type[errors.StorageError]) -> None:
    error = pickle.loads(pickle.dumps(kind("asked, found, valid", asked=[1], valid="x")))
    assert kind is type(error)
    assert "asked, found, valid" == str(error)
    assert {"asked": [1], "valid": "x"} == error.fields


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_a_root_and_a_builtin_parent(kind: type[errors.StorageError]) -> None:
    assert issubclass(kind, errors.StorageError)
    if kind.__name__ not in {"StorageError", "StoreError"}:
        assert issubclass(kind, ValueError | OSError | LookupError | RuntimeError | TypeError)


def test_the_docstring_draws_every_error() -> None:
    drawn = set(re.findall(r"\b(\w+Error)\b", errors.__doc__ or ""))
    assert {kind.__name__ for kind in ALL} <= drawn


def test_an_error_of_the_system_has_its_number_as_the_systems_own_have() -> None:
    full = errors.StoreIOError("the disk is full", errno=errno.ENOSPC)
    assert errno.ENOSPC == full.errno == pickle.loads(pickle.dumps(full)).errno
    assert errno.ENOENT == errors.StoreNotFoundError("nothing is there").errno
    assert errno.EEXIST == errors.StoreExistsError("something is there").errno
    assert errno.EACCES == errors.StoreAccessError("it is locked up").errno
    assert errno.EROFS == errors.StoreAccessError("it is read-only", errno=errno.EROFS).errno
    assert "the disk is full" == str(full)
