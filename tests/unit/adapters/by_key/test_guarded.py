"""A transaction is used until it ends, and ended once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

import pytest

from bsb_hdf5.adapters.by_key.guarded import Guarded
from bsb_hdf5.adapters.by_key.transaction import Transaction
from bsb_hdf5.errors import CorruptNetworkError, SessionClosedError, StorageError, StoreIOError


class Counting(Transaction):
    """A transaction that counts how often it is ended."""

    def __init__(self) -> None:
        self.closed = 0

    def get(self, key: bytes, /) -> bytes | None:
        return key

    def put(self, key: bytes, value: bytes, /) -> None:
        """Nothing is stored."""

    def delete(self, key: bytes, /) -> None:
        """Nothing is stored."""

    def keys(self, prefix: bytes, /) -> Iterator[bytes]:
        yield prefix

    def commit(self) -> None:
        """Nothing is stored."""

    def close(self) -> None:
        self.closed += 1


def test_an_ended_transaction_is_neither_used_nor_ended_again() -> None:
    raw = Counting()
    transaction = Guarded(raw, "here", ())
    assert b"key" == transaction.get(b"key")
    transaction.commit()
    transaction.close()
    assert 1 == raw.closed
    get: Callable[[], object] = partial(transaction.get, b"key")
    for use in (transaction.check, transaction.commit, get):
        with pytest.raises(SessionClosedError, match="'here' has ended"):
            use()
    assert 1 == raw.closed


class OddError(Exception):
    """An error of a library."""


class Failing(Counting):
    """A transaction of which every call fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def _fail(self, *_: object) -> NoReturn:
        raise self._error

    get = put = delete = keys = commit = get_range = _fail


VERBS: dict[str, Callable[[Guarded], object]] = {
    "get": lambda transaction: transaction.get(b"k"),
    "get_range": lambda transaction: transaction.get_range(b"k", 0, 1),
    "put": lambda transaction: transaction.put(b"k", b"v"),
    "delete": lambda transaction: transaction.delete(b"k"),
    "keys": lambda transaction: transaction.keys(b""),
    "commit": lambda transaction: transaction.commit(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_errors_of_the_library_become_those_of_this_package(verb: str) -> None:
    own = CorruptNetworkError("odd")
    for error, kind in ((OddError("odd"), StoreIOError), (OSError(5, "broken"), StoreIOError)):
        raw = Failing(error)
        transaction = Guarded(raw, "here", (OddError,))
        with pytest.raises(StorageError, match="'here': ") as caught:
            VERBS[verb](transaction)
        assert kind is type(caught.value)
        assert error is caught.value.__cause__
        assert getattr(error, "errno", None) == caught.value.fields["errno"]
        assert (verb == "commit") == transaction.is_closed == bool(raw.closed)
        assert (verb in ("put", "delete")) == transaction.changes
    with pytest.raises(CorruptNetworkError) as kept:
        VERBS[verb](Guarded(Failing(own), "here", (StorageError,)))
    assert own is kept.value
    with pytest.raises(KeyError):
        VERBS[verb](Guarded(Failing(KeyError()), "here", (OddError,)))


class FailingAtTheEnd(Failing):
    """A transaction that can't be ended either."""

    close = Failing._fail


@pytest.mark.parametrize("verb", [*VERBS, "close"])
def test_an_error_of_this_package_keeps_its_cause(verb: str) -> None:
    own, cause = StoreIOError("odd"), ValueError("page 7 is damaged")
    own.__cause__ = cause
    transaction = Guarded(FailingAtTheEnd(own), "here", (StorageError, OddError))
    with pytest.raises(StoreIOError) as caught:
        {**VERBS, "close": Guarded.close}[verb](transaction)
    assert own is caught.value
    assert cause is own.__cause__
