"""A transaction is used until it ends, and ended once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from bsb_hdf5.adapters.by_key.guarded import Guarded
from bsb_hdf5.adapters.by_key.transaction import Transaction
from bsb_hdf5.errors import SessionClosedError


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
